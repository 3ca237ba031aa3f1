import type { Session } from "../session.js";
import { watch } from "../state.js";
import { h, onDrag, percent, seconds } from "./dom.js";

/** A slider over the clip's frames; ticks mark those that the model was given. */
export function seekbar(session: Session): HTMLElement {
  const { clock, position, heat, slice, time, until } = session;
  const thumb = h("div", { class: "staa-thumb" });
  const played = h("div", { class: "staa-played" });
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
    h("div", { class: "staa-rail" }, played),
  );
  for (const at of clock.sampled) {
    const tick = h("div", { class: "staa-tick", title: `Frame ${clock.frames[at]} was given to the model` });
    tick.style.left = `${100 * clock.share(clock.times[at])}%`;
    element.append(tick);
  }
  element.append(thumb);
  onDrag(element, (share) => session.seekTime(clock.start + share * (clock.end - clock.start)));
  watch(until, () => {
    const left = `${100 * clock.share(time.value)}%`;
    thumb.style.left = left;
    played.style.width = left;
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
