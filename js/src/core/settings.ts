// The settings of the player as signals. What they are, their types and defaults, Python defines: see `generated.ts`.

import type { Signal } from "@preact/signals-core";
import type { Settings } from "./generated.js";

export type View = Settings["view"];

/** An arrangement that is shown; `auto` chooses one. */
export type Arrangement = Exclude<View, "auto">;

/** A signal for each setting; `host/settings_sync.ts` keeps them equal to the traits of the widget. */
export type State = { readonly [K in keyof Settings]: Signal<Settings[K]> };
