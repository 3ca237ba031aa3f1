// The seek bar: a slider over all frames, with marks at the sampled ones.

import { MAX_FRAMES } from "../core/generated.js";
import { watch } from "../core/reactive.js";
import type { Session } from "../session/session.js";
import { totalName } from "./chart_text.js";
import { h, movingMark, onDrag, percent, seconds, svg } from "./dom.js";

/** A slider over the clip's frames, with ticks at sampled frames. */
export function seekbar(session: Session): HTMLElement {
  const { until } = session;
  const { timeline, position } = session.panes;
  const { heat, slice, time } = session.view;
  const { frames, times, sampled, start, end } = timeline;
  const thumb = movingMark("staa-thumb");
  const played = h("div", { class: "staa-played" });
  const rail = h("div", { class: "staa-rail" }, played);
  const element = h(
    "div",
    {
      class: "staa-seek",
      role: "slider",
      tabindex: 0,
      "aria-label": "Frame",
      "aria-valuemin": frames[0],
      "aria-valuemax": frames.at(-1)!,
    },
    rail,
  );
  // More ticks could not be distinguished.
  for (const at of sampled.length > 200 ? [] : sampled) {
    const tick = h("div", { class: "staa-tick" });
    tick.style.left = `${100 * timeline.share(times[at])}%`;
    element.append(tick);
  }
  element.append(thumb);
  const cached = session.panes.pictures[0]?.cachedRuns;
  if (cached) {
    const lines = svg("svg", { class: "staa-cached" });
    const x = (run: number) => `${100 * timeline.share(times[run * MAX_FRAMES] ?? end)}%`;
    rail.append(lines);
    watch(until, () => {
      const line = (run: number) => svg("line", { x1: x(run), x2: x(run + 1), y1: 1.5, y2: 1.5 });
      lines.replaceChildren(...cached.value.map(line));
    });
  }
  onDrag(element, (share) => session.actions.seekTime(start + share * (end - start)));
  watch(until, () => {
    const at = timeline.share(time.value);
    thumb.style.transform = `translateX(${100 * at}%)`;
    played.style.transform = `scaleX(${at})`;
    const share = percent(heat.value.temporal[slice.value]);
    element.setAttribute("aria-valuenow", `${frames[position.value]}`);
    element.setAttribute(
      "aria-valuetext",
      `${describeFrame(session)}, ${seconds(time.value)}, ${share} of the ${totalName(heat.value)} in this slice`,
    );
  });
  return element;
}

/** Describe a frame, by default the current one. */
export function describeFrame(session: Session, frame?: number): string {
  const { position, timeline, layout } = session.panes;
  const { total, first } = layout.frames;
  const last = first + total - 1;
  return `frame ${frame ?? timeline.frames[position.value]} of ${first ? `${first}–${last}` : last}`;
}
