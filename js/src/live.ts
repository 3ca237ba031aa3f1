// Entry of `live.js`: the module that anywidget loads for `staa.live`.

import type { Model } from "./host/model.js";
import { mountLive } from "./live/view.js";

interface View {
  model: Model;
  el: HTMLElement;
  signal?: AbortSignal;
}

/** The module that anywidget loads. */
export default {
  render({ model, el, signal }: View): () => void {
    const ended = new AbortController();
    signal?.addEventListener("abort", () => ended.abort());
    el.classList.add("staa-host");
    mountLive(model, el, ended.signal);
    return () => ended.abort();
  },
};
