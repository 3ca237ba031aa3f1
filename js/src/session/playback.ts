// Playback: moves the frame on with the wall clock.

import { watch } from "../core/reactive.js";
import type { Session } from "./session.js";

/** Move the frame on with the wall clock while `playing`, each frame for as long as it lasts in the video. */
export function runPlayback(session: Session): void {
  const { state, until } = session;
  const { timeline, position } = session.panes;
  let handle = 0;
  let second = 0;
  let lastShown = -1;
  let lastTime = 0;
  const stop = () => cancelAnimationFrame(handle);

  const tick = (now: number) => {
    handle = requestAnimationFrame(tick);
    const [from, to] = session.view.playedRange;
    const here = position.peek();
    const next = second + ((now - lastTime) / 1000) * state.rate.peek();
    lastTime = now;
    // The frame was moved by the user or by Python: go on from there.
    if (here !== lastShown) second = timeline.times[here];
    // Wait for a frame that is not decoded yet.
    else if (next >= to || session.panes.pictures[0]?.ready(timeline.positionAt(next)) !== false) second = next;
    if (second >= to && !state.loop.peek()) {
      state.playing.value = false;
      return;
    }
    if (second >= to || second < from) second = from;
    lastShown = timeline.positionAt(second);
    if (lastShown !== here) session.actions.seek(lastShown);
  };

  watch(until, () => {
    stop();
    if (!state.playing.value) return;
    const [from, to] = session.view.playedRange;
    if (timeline.endOf(position.peek()) >= to) session.actions.seekTime(from);
    lastShown = -1;
    handle = requestAnimationFrame(tick);
  });
  until.addEventListener("abort", stop);
}
