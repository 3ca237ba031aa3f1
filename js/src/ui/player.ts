import { savePicture } from "../export/png.js";
import type { Model } from "../model.js";
import { playback } from "../playback.js";
import { readPayload } from "../protocol.js";
import { Session } from "../session.js";
import { createState, watch } from "../state.js";
import { details } from "./details.js";
import { h, icon } from "./dom.js";
import { help } from "./help.js";
import { type Acts, listenForKeys } from "./keys.js";
import { look } from "./look.js";
import { predictions } from "./predictions.js";
import { stage } from "./stage.js";
import { timeline } from "./timeline.js";
import { transport } from "./transport.js";

/** Build the player for a model inside `parent`; aborting `until` takes it down. */
export function mount(model: Model, parent: HTMLElement, until: AbortSignal): HTMLElement {
  const session = new Session(readPayload(model), createState(model, until), until);
  const { state } = session;
  const { element: picture, canvas } = stage(session);
  const keys = help();
  const root = h("div", { class: "staa-root", tabindex: 0, role: "group", "data-lm-suppress-shortcuts": "true" });
  root.setAttribute("aria-label", `Player of ${session.payload.meta.clip.name || "a clip"}; press ? for keys`);
  const acts: Acts = {
    savePicture: () => savePicture(session, canvas),
    fullScreen: () => fullScreen(root, session),
    help: () => keys.showModal(),
  };
  root.append(
    head(session, acts),
    h(
      "div",
      { class: "staa-body" },
      h("div", { class: "staa-film" }, picture, transport(session), timeline(session)),
      h("div", { class: "staa-panel" }, predictions(session), look(session), details(session)),
    ),
    keys,
  );
  watch(until, () => {
    root.dataset.theme = state.theme.value;
  });
  playback(session);
  listenForKeys(root, session, acts);
  parent.append(root);
  until.addEventListener("abort", () => root.remove());
  return root;
}

function head({ payload: { meta } }: Session, acts: Acts): HTMLElement {
  const about = `${meta.method} · ${meta.model} · `;
  const act = (name: "help" | "camera" | "expand", label: string, click: () => void) =>
    h("button", { class: "staa-button", type: "button", title: label, "aria-label": label, click }, icon(name));
  return h(
    "header",
    { class: "staa-head" },
    h(
      "div",
      { class: "staa-names" },
      h("h2", { class: "staa-name-of-clip" }, meta.clip.name || "Clip"),
      h("p", { class: "staa-quiet" }, about, h("b", {}, meta.labels[meta.target])),
    ),
    act("camera", "Save this picture (S)", acts.savePicture),
    act("expand", "Full screen (F)", acts.fullScreen),
    act("help", "Keys (?)", acts.help),
  );
}

function fullScreen(root: HTMLElement, session: Session): void {
  const change = document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen?.();
  if (!change) session.say("This page may not use the full screen");
  else change.catch(() => session.say("This page may not use the full screen"));
}
