import { savePicture } from "../export/png.js";
import { connect, type Host } from "../host.js";
import type { Model } from "../model.js";
import { playback } from "../playback.js";
import { BULK, type Payload, readPayloads, sameFilm } from "../protocol.js";
import { canFetch, Session } from "../session.js";
import { createState, type State, watch } from "../state.js";
import { cards } from "./cards.js";
import { details } from "./details.js";
import { focused, h } from "./dom.js";
import { head } from "./head.js";
import { heads } from "./heads.js";
import { help } from "./help.js";
import { type Acts, listenForKeys } from "./keys.js";
import { look } from "./look.js";
import { method } from "./method.js";
import { predictions } from "./predictions.js";
import { stage } from "./stage.js";
import { take } from "./take.js";
import { timeline } from "./timeline.js";
import { transport } from "./transport.js";

/** What JupyterLab marks a view with whose kernel is gone. */
const DISCONNECTED = ".jupyter-widgets-disconnected";

/** Build the player for a model inside `parent`; aborting `until` takes it down. */
export function mount(model: Model, parent: HTMLElement, until: AbortSignal): HTMLElement {
  const state = createState(model, until);
  const host = connect(model, () => parent.closest(DISCONNECTED) !== null, until);
  let shown = build(attempt(model), state, host);
  parent.append(shown.root);
  let due = false;
  const refresh = () => {
    due = false;
    if (until.aborted) return;
    const payloads = attempt(model);
    const { session } = shown;
    if (session && !(payloads instanceof Error) && sameFilms(session, payloads) && upToDate(session)) {
      session.show(payloads);
      return;
    }
    const before = shown;
    const inside = focused(before.root) !== null;
    before.end.abort();
    shown = build(payloads, state, host);
    before.root.replaceWith(shown.root);
    if (inside) shown.root.focus({ preventScroll: true });
  };
  const changed = () => {
    if (!due) queueMicrotask(refresh);
    due = true;
  };
  const upToDate = ({ panes, fetches }: Session) =>
    fetches ===
    canFetch(
      panes.map(({ payload }) => payload.peek()),
      host,
    );
  // With the kernel the frames go that only it has.
  watch(until, () => {
    if (shown.session && !upToDate(shown.session)) changed();
  });
  for (const name of BULK) model.on(`change:${name}`, changed);
  until.addEventListener("abort", () => {
    for (const name of BULK) model.off(`change:${name}`, changed);
    shown.end.abort();
    shown.root.remove();
  });
  return shown.root;
}

interface Shown {
  root: HTMLElement;
  session: Session | null;
  end: AbortController;
}

function sameFilms({ panes }: Session, payloads: Payload[]): boolean {
  return panes.length === payloads.length && panes.every(({ film }, i) => sameFilm(film, payloads[i].meta));
}

function attempt(model: Model): Payload[] | Error {
  try {
    return readPayloads(model);
  } catch (error) {
    return error as Error;
  }
}

function build(payloads: Payload[] | Error, state: State, host: Host): Shown {
  const end = new AbortController();
  const root = h("div", { class: "staa-root", tabindex: 0, role: "group", "data-lm-suppress-shortcuts": "true" });
  watch(end.signal, () => {
    const own = state.theme.value === "auto" ? "" : state.theme.value;
    root.style.colorScheme = own;
    root.toggleAttribute("data-theme", own !== "");
  });
  if (payloads instanceof Error) {
    root.append(h("p", { role: "alert" }, payloads.message));
    return { root, session: null, end };
  }
  const session = new Session(payloads, state, host, end.signal);
  const picture = stage(session);
  const keys = help(session);
  root.setAttribute("aria-label", `Player of ${session.film.clip.name || "a clip"}; press ? for keys`);
  const taken = take(session, () => savePicture(session, root));
  const acts: Acts = {
    savePicture: () => savePicture(session, root),
    takeAway: taken.open,
    fullScreen: () => fullScreen(root, session),
    help: () => keys.showModal(),
  };
  root.append(
    head(session, acts),
    h(
      "div",
      { class: "staa-body" },
      h("div", { class: "staa-film" }, picture, transport(session), timeline(session), heads(session), cards(session)),
      h(
        "div",
        { class: "staa-panel" },
        h("div", { class: "staa-what" }, method(session), predictions(session)),
        look(session),
        details(session),
      ),
    ),
    keys,
    taken.dialog,
  );
  playback(session);
  listenForKeys(root, session, acts);
  return { root, session, end };
}

function fullScreen(root: HTMLElement, session: Session): void {
  const change = document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen?.();
  if (!change) session.say("This page may not use the full screen");
  else change.catch(() => session.say("This page may not use the full screen"));
}
