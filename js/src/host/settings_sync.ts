// Keeps the settings equal to the host's traits, both ways.

import { signal, untracked } from "@preact/signals-core";
import { DEFAULTS } from "../core/generated.js";
import { throttled, watch } from "../core/reactive.js";
import type { State } from "../core/settings.js";
import { listen, type Model } from "./model.js";

/** Make a signal for each setting, and keep it equal to the host's trait, both ways, until `until` is aborted. */
export function createState(model: Model, until: AbortSignal): State {
  const mirrored = Object.entries(DEFAULTS).map(([name, fallback]) => {
    const read = () => model.get(name) ?? fallback;
    const mirror = signal<unknown>(read());
    const send = () => {
      if (model.get(name) === mirror.peek()) return;
      model.set(name, mirror.peek());
      model.save_changes();
    };
    // Throttle: do not send every played frame to the kernel.
    const report = name === "frame" ? throttled(send, 100, until) : send;
    watch(until, () => {
      mirror.value;
      untracked(report);
    });
    listen(
      model,
      `change:${name}`,
      () => {
        mirror.value = read();
      },
      until,
    );
    return [name, mirror];
  });
  return Object.fromEntries(mirrored);
}
