// Controls for playback: play, step, speed, loop, and the view.

import { watch } from "../core/reactive.js";
import { RATES } from "../session/actions.js";
import type { Session } from "../session/session.js";
import { fillOptions, h, icon, iconButton, seconds } from "./dom.js";
import { describeFrame } from "./seekbar.js";
import { tooltip } from "./shortcuts.js";
import { views } from "./views.js";

/** Play, step, speed, which frame is on show, and in which view. */
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
  const now = h("div", { class: "staa-time staa-trim" });
  const which = h("div", { class: "staa-quiet staa-trim" });
  watch(until, () => {
    const [name, does] = state.playing.value ? (["pause", "Pause"] as const) : (["play", "Play"] as const);
    play.replaceChildren(icon(name));
    play.title = tooltip(does, "play");
    const own = state.rate.value;
    loop.setAttribute("aria-pressed", `${state.loop.value}`);
    // A host may set a speed that is not on the list.
    const rates = [...new Set([...RATES, own])];
    fillOptions(
      rate,
      rates.map((value) => [`${value}`, `${value} ×`]),
    );
    rate.value = `${own}`;
  });
  watch(until, () => {
    now.textContent = `${time.value.toFixed(2)} / ${seconds(timeline.end)}`;
    which.textContent = describeFrame(session) + (timeline.sampled.includes(position.value) ? ", sampled" : "");
  });
  return h(
    "div",
    { class: "staa-transport" },
    iconButton("back", tooltip("Previous frame", "step", 0), () => step(-1)),
    play,
    iconButton("forward", tooltip("Next frame", "step", 1), () => step(1)),
    h("div", { class: "staa-now" }, now, which),
    views(session),
    rate,
    loop,
  );
}
