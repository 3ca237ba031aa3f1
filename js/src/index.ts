// Entry of `widget.js`: the module that anywidget loads in a notebook.

import type { Model } from "./host/model.js";
import { mount } from "./ui/player.js";

interface View {
  model: Model;
  el: HTMLElement;
  /** Older versions of anywidget pass none and call the function that `render` returns. */
  signal?: AbortSignal;
}

/** The module that anywidget loads. */
export default {
  render({ model, el, signal }: View): () => void {
    const ended = new AbortController();
    signal?.addEventListener("abort", () => ended.abort());
    el.classList.add("staa-host");
    mount(model, el, ended.signal);
    return () => ended.abort();
  },
};
