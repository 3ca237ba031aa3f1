// Helpers for signals: run a function whenever a signal changes, and limit how often a function runs.

import { effect } from "@preact/signals-core";

/** Run `run` now and whenever a signal that it read changes, until `until` is aborted. */
export function watch(until: AbortSignal, run: () => void): void {
  // An effect would call a returned function as its cleanup.
  const end = effect(() => {
    run();
  });
  until.addEventListener("abort", () => end());
}

/** Return a function that runs `call` at most once in `interval` milliseconds; the last call is never left out. */
export function throttled(call: () => void, interval: number, until: AbortSignal): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let due = false;
  const run = () => {
    timer = due ? setTimeout(run, interval) : undefined;
    if (!due) return;
    due = false;
    call();
  };
  until.addEventListener("abort", () => clearTimeout(timer));
  return () => {
    due = true;
    if (!timer) run();
  };
}
