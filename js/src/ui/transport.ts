// Controls for playback: play, step, speed, loop, and the view.

import { watch } from "../core/reactive.js";
import { RATES } from "../session/actions.js";
import type { Session } from "../session/session.js";
import { fillOptions, h, icon, iconButton, seconds } from "./dom.js";
import { tooltip } from "./keys.js";
import { describeFrame } from "./seekbar.js";
import { views } from "./views.js";

/** Buttons for playback, the time and frame shown, the view and the speed. */
export function transport(session: Session): HTMLElement {
  const { state, until } = session;
  const { timeline, position } = session.panes;
  const { time } = session.view;
  const { step } = session.actions;
  const play = iconButton("play", "", session.actions.togglePlay, "staa-main");
  const loop = iconButton("loop", "Play in a loop", () => {
    state.loop.value = !state.loop.value;
  });
  const rate = h("select", {
    class: "staa-select staa-rate",
    "aria-label": "Speed",
    title: tooltip("Speed", "rate"),
    change: () => {
      state.rate.value = +rate.value;
    },
  });
  const clock = h("div", { class: "staa-time" });
  const frameText = h("div", { class: "staa-quiet" });
  const now = h("div", { class: "staa-now" }, clock, frameText);
  // Room for the longest text, so that nothing moves while the clip plays.
  const longest = `${describeFrame(session, timeline.frames[timeline.count - 1])}, sampled`;
  now.style.minWidth = `${0.8 * longest.length}ch`;
  watch(until, () => {
    const [name, does] = state.playing.value ? (["pause", "Pause"] as const) : (["play", "Play"] as const);
    play.replaceChildren(icon(name));
    play.title = tooltip(does, "play");
    const current = state.rate.value;
    loop.setAttribute("aria-pressed", `${state.loop.value}`);
    // Python may set a speed that is not in the list.
    const rates = [...new Set([...RATES, current])];
    fillOptions(
      rate,
      rates.map((value) => [`${value}`, `${value} ×`]),
    );
    rate.value = `${current}`;
  });
  watch(until, () => {
    clock.textContent = `${time.value.toFixed(2)} / ${seconds(timeline.end)}`;
    frameText.textContent = describeFrame(session) + (timeline.sampled.includes(position.value) ? ", sampled" : "");
  });
  return h(
    "div",
    { class: "staa-transport" },
    iconButton("back", tooltip("Previous frame", "step", 0), () => step(-1)),
    play,
    iconButton("forward", tooltip("Next frame", "step", 1), () => step(1)),
    now,
    h("div", { class: "staa-tools" }, views(session), rate, loop),
  );
}
