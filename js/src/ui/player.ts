// The whole player: builds all parts for a model, and rebuilds them when its explanations change.

import { PAYLOAD_TRAITS } from "../core/generated.js";
import { watch } from "../core/reactive.js";
import type { State } from "../core/settings.js";
import { savePicture } from "../export/png.js";
import { connect, type Host } from "../host/connection.js";
import { listen, type Model } from "../host/model.js";
import { type Payload, readPayloads } from "../host/payload.js";
import { createState } from "../host/settings_sync.js";
import { runPlayback } from "../session/playback.js";
import { openSession, type Session } from "../session/session.js";
import { attentionHeads } from "./attention_heads.js";
import { focused, h } from "./dom.js";
import { exportDialog } from "./export_dialog.js";
import { header } from "./header.js";
import { keyHelp } from "./help.js";
import { listenForKeys } from "./keys.js";
import { methodMenu } from "./method_menu.js";
import { notices } from "./notices.js";
import { predictions } from "./predictions.js";
import { runDetails } from "./run_details.js";
import { scoreTable } from "./score_table.js";
import { stage } from "./stage.js";
import { stylePanel } from "./style_panel.js";
import { timeline } from "./timeline.js";
import { transport } from "./transport.js";

/** Build the player for a model inside `parent`; aborting `until` takes it down. */
export function mount(model: Model, parent: HTMLElement, until: AbortSignal): HTMLElement {
  const state = createState(model, until);
  // JupyterLab marks a view with this class when its kernel is gone.
  const host = connect(model, () => !!parent.closest(".jupyter-widgets-disconnected"), until);
  let player = build(read(model), state, host);
  parent.append(player.root);
  let refreshDue = false;
  const refresh = () => {
    refreshDue = false;
    if (until.aborted) return;
    const payloads = read(model);
    const { root, session, end } = player;
    if (typeof payloads !== "string" && session?.panes.replace(payloads)) return;
    const hadFocus = focused(root);
    end.abort();
    player = build(payloads, state, host);
    root.replaceWith(player.root);
    if (hadFocus) player.root.focus({ preventScroll: true });
  };
  const scheduleRefresh = () => {
    if (!refreshDue) queueMicrotask(refresh);
    refreshDue = true;
  };
  // Without the kernel, frames that only it has cannot be shown any more.
  watch(until, () => {
    if (player.session?.panes.outdated()) scheduleRefresh();
  });
  for (const name of PAYLOAD_TRAITS) listen(model, `change:${name}`, scheduleRefresh, until);
  until.addEventListener("abort", () => {
    player.end.abort();
    player.root.remove();
  });
  return player.root;
}

/** Read the explanations of a model, or return why they cannot be shown. */
function read(model: Model): Payload[] | string {
  try {
    return readPayloads(model);
  } catch (error) {
    return (error as Error).message;
  }
}

/** A player on the page; without a session if the explanations cannot be shown. */
interface BuiltPlayer {
  root: HTMLElement;
  session?: Session;
  end: AbortController;
}

/** Build the player for some explanations, or for the message why they cannot be shown. */
function build(payloads: Payload[] | string, state: State, host: Host): BuiltPlayer {
  const end = new AbortController();
  const root = h("div", { class: "staa-root", tabindex: 0, role: "group", "data-lm-suppress-shortcuts": "true" });
  watch(end.signal, () => {
    const { value } = state.theme;
    root.style.colorScheme = value === "auto" ? "" : value;
    root.toggleAttribute("data-theme", value !== "auto");
  });
  if (typeof payloads === "string") {
    root.append(h("p", { role: "alert" }, payloads));
    return { root, end };
  }
  const session = openSession(payloads, state, host, end.signal);
  root.setAttribute(
    "aria-label",
    `Player for ${session.panes.layout.clip.name || "a clip"}; press ? for the keyboard shortcuts`,
  );
  const keys = keyHelp();
  const save = () => savePicture(session, root);
  const exporter = exportDialog(session, save);
  const playerActions = {
    savePicture: save,
    openExport: exporter.open,
    fullScreen: async () => {
      try {
        await (document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen());
      } catch {
        session.host.notify("Full screen is not allowed here");
      }
    },
    help: () => keys.showModal(),
  };
  const part = (name: string, ...children: HTMLElement[]) => h("div", { class: `staa-${name}` }, ...children);
  root.append(
    header(session, playerActions),
    part(
      "body",
      part("film", stage(session), transport(session), timeline(session), attentionHeads(session), scoreTable(session)),
      part(
        "panel",
        part("what", methodMenu(session), notices(session), predictions(session)),
        stylePanel(session),
        runDetails(session),
      ),
    ),
    keys,
    exporter.dialog,
  );
  runPlayback(session);
  listenForKeys(root, session, playerActions);
  return { root, session, end };
}
