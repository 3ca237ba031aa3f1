// Playback: moves the frame on with the wall clock.

import { watch } from "../core/reactive.js";
import type { Session } from "./session.js";

/** Move the frame on with the wall clock while `playing`, each frame for as long as it lasts in the video. */
export function playback(session: Session): void {
  const { state, until } = session;
  const { timeline, position } = session.panes;
  let handle = 0;
  let second = 0;
  let shown = -1;
  let before = 0;
  const stop = () => cancelAnimationFrame(handle);

  const tick = (now: number) => {
    handle = requestAnimationFrame(tick);
    const [from, to] = session.view.playedRange;
    const here = position.peek();
    const next = second + ((now - before) / 1000) * state.rate.peek();
    before = now;
    // Somebody else moved the frame: go on from there.
    if (here !== shown) second = timeline.times[here];
    // A frame that is not there yet is waited for.
    else if (next >= to || session.panes.pictures[0]?.ready(timeline.positionAt(next)) !== false) second = next;
    if (second >= to && !state.loop.peek()) {
      state.playing.value = false;
      return;
    }
    if (second >= to || second < from) second = from;
    shown = timeline.positionAt(second);
    if (shown !== here) session.actions.seek(shown);
  };

  watch(until, () => {
    stop();
    if (!state.playing.value) return;
    const [from, to] = session.view.playedRange;
    if (timeline.endOf(position.peek()) >= to) session.actions.seekTime(from);
    shown = -1;
    handle = requestAnimationFrame(tick);
  });
  until.addEventListener("abort", stop);
}
