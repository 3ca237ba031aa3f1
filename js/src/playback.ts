import type { Session } from "./session.js";
import { watch } from "./state.js";

/** Move the frame on with the wall clock while `playing`, each frame for as long as it lasts in the video. */
export function playback(session: Session): void {
  const { state, clock, position, until } = session;
  let handle = 0;
  let second = 0;
  let shown = -1;
  let before = 0;

  const tick = (now: number) => {
    handle = requestAnimationFrame(tick);
    const passed = (now - before) / 1000;
    before = now;
    const [from, to] = session.range;
    // Somebody else moved the frame: go on from there.
    if (position.peek() !== shown) second = clock.times[position.peek()];
    else {
      const next = second + passed * state.rate.peek();
      // A frame that is not there yet is waited for.
      if (next >= to || session.pictures[0]?.ready(clock.at(next)) !== false) second = next;
    }
    if (second >= to || second < from) {
      if (second >= to && !state.loop.peek()) {
        state.playing.value = false;
        return;
      }
      second = from;
    }
    shown = clock.at(second);
    if (shown !== position.peek()) session.seek(shown);
  };

  watch(until, () => {
    cancelAnimationFrame(handle);
    if (!state.playing.value) return;
    const [from, to] = session.range;
    if (clock.until(position.peek()) >= to) session.seekTime(from);
    second = clock.times[position.peek()];
    shown = position.peek();
    before = performance.now();
    handle = requestAnimationFrame(tick);
  });
  until.addEventListener("abort", () => cancelAnimationFrame(handle));
}
