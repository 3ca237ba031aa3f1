// Names as readers see them.

/** A name as it is read: spaces in place of underscores between letters. */
export const readable = (name: string): string => name.replace(/(?<=\w)_(?=\w)/g, " ");
