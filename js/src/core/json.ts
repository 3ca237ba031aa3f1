// The type of values that JSON can hold.

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
