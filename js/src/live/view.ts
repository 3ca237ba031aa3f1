// Builds the live widget and connects its parts: the camera, the picture, the chart and the messages of the kernel.

import { asUint8, type Bytes, copyBytes } from "../core/bytes.js";
import { listen, type Model } from "../host/model.js";
import { button, h, percent } from "../ui/dom.js";
import { Camera, unavailable } from "./camera.js";
import { Chart } from "./chart.js";
import { type KernelMessage, type LiveSettings, type MapMessage, now, type Send, type State } from "./messages.js";
import { FRESH, Screen } from "./screen.js";

/** Seconds without a message of the kernel after which the camera is freed. */
const SILENCE = 5;
const ACTIVE: readonly State[] = ["starting", "running", "waiting"];

/** Show a live explanation in an element, until `until` is aborted. */
export function mountLive(model: Model, el: HTMLElement, until: AbortSignal): void {
  const settings = model.get("_live") as LiveSettings;
  const camera = new Camera();
  let state: State = "idle";
  let lastMessage = now();
  let offset: number | null = null;
  let shownText = "";

  const dot = h("span", { class: "staa-live-dot", hidden: true, role: "img", "aria-label": "on" });
  const status = h("span", { class: "staa-live-status", role: "status" }, "Not started.");
  const startButton = button("Start", () => void start(), "staa-live-start");
  const stopButton = button("Stop", () => stop("Stopped."));
  const recordButton = button(`Record ${settings.record} s`, record);
  const canvas = h("canvas", {
    class: "staa-live-picture",
    hidden: true,
    role: "img",
    "aria-label": "Frame with its heat map",
  });
  const age = h("span", { class: "staa-live-age" });
  const prediction = h("strong", {});
  const warning = h("p", { class: "staa-live-warning", role: "status" });
  const chartCanvas = h("canvas", { class: "staa-live-chart", role: "img", "aria-label": "No window yet" });
  const stats = h("p", { class: "staa-live-stats" });
  const note = h("p", { class: "staa-live-note", role: "status" });
  const delay = h("input", { type: "checkbox", change: () => setDelay(delay.checked) });
  const screen = new Screen(canvas, settings, asUint8(model.get("_colors") as Bytes));
  const chart = new Chart(chartCanvas);

  const row = (...children: (Node | string)[]) => h("div", { class: "staa-live-row" }, ...children);
  const root = h(
    "section",
    { class: "staa-root staa-live", "aria-label": `Live: ${settings.source}` },
    row(dot, h("strong", {}, settings.source), status),
    row(startButton, stopButton, recordButton, h("label", {}, delay, " Picture waits for its heat map")),
    canvas,
    row(prediction, age),
    warning,
    chartCanvas,
    h(
      "p",
      { class: "staa-live-caption" },
      "Last 60 s, one bar for each window: probability × share of the newest slice",
    ),
    stats,
    note,
  );
  el.append(root);

  const send: Send = (content, buffers) => {
    try {
      model.send?.({ v: 1, ...content }, undefined, buffers);
    } catch {
      // The kernel is gone; the silence says so.
    }
  };

  async function start(): Promise<void> {
    note.textContent = "";
    startButton.disabled = true;
    lastMessage = now();
    if (settings.camera) {
      const failure = await camera.start(settings.fps, capture, () => stop("The camera was unplugged."));
      if (failure || until.aborted) {
        camera.stop();
        note.textContent = failure;
        startButton.disabled = false;
        return;
      }
    }
    lastMessage = now();
    setState("starting", "Waiting for the first frame.");
    send({ op: "start" });
  }

  /** Free the camera, and tell the kernel why. */
  function stop(reason: string): void {
    camera.stop();
    if (ACTIVE.includes(state)) send({ op: "stop", reason });
    setState("stopped", reason);
  }

  function record(): void {
    note.textContent = `Recording ${settings.record} s …`;
    send({ op: "record" });
  }

  function setDelay(delayed: boolean): void {
    screen.delayed = delayed;
    screen.draw();
  }

  function setState(next: State, text: string): void {
    state = next;
    shownText = text;
    const active = ACTIVE.includes(state);
    if (!active) {
      camera.stop();
      screen.clear();
    }
    dot.hidden = !active;
    startButton.disabled = active;
    stopButton.disabled = !active;
    recordButton.disabled = state !== "running";
    status.textContent = text || { idle: "Not started.", running: "Running." }[state as "running"] || "";
    root.dataset.state = state;
    showAge();
  }

  function capture(picture: ImageBitmap, jpeg: ArrayBuffer, id: number, time: number): void {
    screen.addFrame(picture, time);
    send({ op: "frame", id, time }, [jpeg]);
  }

  async function showFrame(message: { id: number; time: number; age: number }, part: Bytes): Promise<void> {
    const picture = await createImageBitmap(new Blob([copyBytes(part)], { type: "image/jpeg" }));
    // The fastest message says best how the clocks of frames and page differ.
    offset = Math.min(offset ?? Infinity, now() - message.age - message.time);
    screen.addFrame(picture, message.time);
    send({ op: "ack", id: message.id });
  }

  function showMap(message: MapMessage, part: Bytes): void {
    const captured = settings.camera ? message.time : message.time + (offset ?? now() - message.age - message.time);
    screen.addMap(message, new Float32Array(copyBytes(part)), captured);
    prediction.textContent = `${message.label}, ${percent(message.probability)}`;
    if (warning.textContent !== message.notice) warning.textContent = message.notice;
    chart.add(message.probability * message.share, message.label, message.probability);
    showAge();
    requestAnimationFrame(() => send({ op: "shown", id: message.id, age: now() - captured }));
  }

  function showAge(): void {
    const seconds = screen.age;
    if (seconds === null) age.textContent = ACTIVE.includes(state) ? "no heat map yet" : "";
    else if (seconds <= FRESH) age.textContent = `heat map ${seconds.toFixed(1)} s old`;
    else age.textContent = `heat map ${seconds.toFixed(1)} s old, fading`;
    root.classList.toggle("staa-live-old", seconds !== null && seconds > FRESH);
  }

  function receive(message: KernelMessage, parts: readonly Bytes[]): void {
    lastMessage = now();
    if (message.op === "status") {
      stats.textContent = message.stats;
      // "idle" of the kernel says nothing new about a page that is about to start or has stopped.
      if (message.state === "idle") return;
      if (message.state !== state || message.text !== shownText) setState(message.state, message.text);
    } else if (message.op === "ack") camera.acknowledge(message.id);
    else if (message.op === "frame") void showFrame(message, parts[0]);
    else if (message.op === "map") showMap(message, parts[0]);
    else note.textContent = message.text;
  }

  listen(model, "msg:custom", (content, parts) => receive(content as KernelMessage, parts ?? []), until);
  const onHidden = () => document.hidden && ACTIVE.includes(state) && stop("The tab was hidden.");
  document.addEventListener("visibilitychange", onHidden);
  const timer = setInterval(() => {
    if (!el.isConnected && ACTIVE.includes(state)) stop("The output was closed.");
    if (ACTIVE.includes(state) && now() - lastMessage > SILENCE) stop(`The kernel has not answered for ${SILENCE} s.`);
    if (!document.hidden && el.isConnected) send({ op: "alive" });
  }, 1000);
  const redraw = setInterval(() => {
    if (!ACTIVE.includes(state)) return;
    if ((screen.age ?? 0) > FRESH) screen.draw();
    chart.draw();
    showAge();
  }, 200);
  until.addEventListener("abort", () => {
    if (ACTIVE.includes(state)) stop("The output was closed.");
    clearInterval(timer);
    clearInterval(redraw);
    document.removeEventListener("visibilitychange", onHidden);
    root.remove();
  });
  setState("idle", "");
  if (settings.camera) note.textContent = unavailable();
  send({ op: "hello" });
}
