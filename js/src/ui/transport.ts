import { RATES, type Session } from "../session.js";
import { watch } from "../state.js";
import { h, icon, seconds } from "./dom.js";
import { describe } from "./seekbar.js";
import { views } from "./views.js";

/** Play, step, speed, which frame is on show, and in which view. */
export function transport(session: Session): HTMLElement {
  const { state, time, clock, until } = session;
  const play = h("button", { class: "staa-button staa-main", type: "button", click: () => session.togglePlay() });
  const loop = h("button", {
    class: "staa-button",
    type: "button",
    title: "Play again from the start",
    "aria-label": "Loop",
    click: () => {
      state.loop.value = !state.loop.value;
    },
  });
  loop.append(icon("loop"));
  const rate = h("select", {
    class: "staa-select staa-rate",
    "aria-label": "Speed",
    title: "Speed (J, L)",
    change: () => {
      state.rate.value = Number(rate.value);
    },
  });
  for (const value of RATES) rate.append(h("option", { value }, `${value} ×`));
  const now = h("div", { class: "staa-time staa-trim" });
  const which = h("div", { class: "staa-quiet staa-trim" });
  watch(until, () => {
    const playing = state.playing.value;
    play.replaceChildren(icon(playing ? "pause" : "play"));
    play.setAttribute("aria-label", playing ? "Pause" : "Play");
    play.title = playing ? "Pause (space)" : "Play (space)";
  });
  watch(until, () => loop.setAttribute("aria-pressed", String(state.loop.value)));
  watch(until, () => {
    // A host may set a speed that is not on the list.
    rate.querySelector("[data-own]")?.remove();
    if (!RATES.includes(state.rate.value)) {
      rate.append(h("option", { value: state.rate.value, "data-own": true }, `${state.rate.value} ×`));
    }
    rate.value = String(state.rate.value);
  });
  watch(until, () => {
    now.textContent = `${time.value.toFixed(2)} / ${seconds(clock.end)}`;
    const given = clock.sampled.includes(session.position.value);
    which.textContent = given ? `${describe(session)}, sampled` : describe(session);
  });
  const jump = (name: "back" | "forward", by: 1 | -1, label: string) =>
    h(
      "button",
      { class: "staa-button", type: "button", title: label, "aria-label": label, click: () => session.step(by) },
      icon(name),
    );
  return h(
    "div",
    { class: "staa-transport" },
    jump("back", -1, "Previous frame (←)"),
    play,
    jump("forward", 1, "Next frame (→)"),
    h("div", { class: "staa-now" }, now, which),
    views(session),
    rate,
    loop,
  );
}
