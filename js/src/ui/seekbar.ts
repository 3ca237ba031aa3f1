import { LongStore, RUN } from "../frames/long.js";
import type { Session } from "../session.js";
import { watch } from "../state.js";
import { carrier, h, onDrag, percent, seconds, svg } from "./dom.js";

/** Most ticks that can be told apart. */
const TICKS = 200;

/** A slider over the clip's frames; ticks mark those that the model was given. */
export function seekbar(session: Session): HTMLElement {
  const { clock, position, heat, slice, time, until } = session;
  const thumb = carrier("staa-thumb");
  const played = h("div", { class: "staa-played" });
  const rail = h("div", { class: "staa-rail" }, played);
  const element = h(
    "div",
    {
      class: "staa-seek",
      role: "slider",
      tabindex: 0,
      "aria-label": "Frame",
      "aria-valuemin": clock.frames[0],
      "aria-valuemax": clock.frames[clock.count - 1],
    },
    rail,
  );
  for (const at of clock.sampled.length > TICKS ? [] : clock.sampled) {
    const tick = h("div", { class: "staa-tick", title: `Frame ${clock.frames[at]} was given to the model` });
    tick.style.left = `${100 * clock.share(clock.times[at])}%`;
    element.append(tick);
  }
  element.append(thumb);
  const [store] = session.pictures;
  if (store instanceof LongStore) {
    const line = svg("path", { "vector-effect": "non-scaling-stroke" });
    const cached = { class: "staa-cached", viewBox: "0 0 1 1", preserveAspectRatio: "none" };
    rail.append(svg("svg", cached, svg("title", {}, "Frames that are here"), line));
    const share = (at: number) => clock.share(clock.times[at] ?? clock.end);
    watch(until, () => {
      const runs = store.cached.value.map((run) => `M${share(run * RUN)} .5H${share((run + 1) * RUN)}`);
      line.setAttribute("d", runs.join(""));
    });
  }
  onDrag(element, (share) => session.seekTime(clock.start + share * (clock.end - clock.start)));
  watch(until, () => {
    const at = clock.share(time.value);
    thumb.style.transform = `translateX(${100 * at}%)`;
    played.style.transform = `scaleX(${at})`;
    const share = percent(heat.value.temporal[slice.value]);
    element.setAttribute("aria-valuenow", String(clock.frames[position.value]));
    element.setAttribute("aria-valuetext", `${describe(session)}, ${seconds(time.value)}, attention ${share}`);
  });
  return element;
}

/** Which frame is on show, in words. */
export function describe({ position, clock, film }: Session): string {
  const { total, first } = film.frames;
  return `frame ${clock.frames[position.value]} of ${first > 0 ? `${first}–${first + total - 1}` : total}`;
}
