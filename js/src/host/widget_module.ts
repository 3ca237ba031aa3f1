// The module that anywidget loads in a notebook: an object with a function `render`.

import type { Model } from "./model.js";

interface View {
  model: Model;
  el: HTMLElement;
  /** Older versions of anywidget pass none and call the function that `render` returns. */
  signal?: AbortSignal;
}

/** The module for a function that builds a view inside an element; aborting `until` takes the view down. */
export function widgetModule(mount: (model: Model, parent: HTMLElement, until: AbortSignal) => unknown) {
  return {
    render({ model, el, signal }: View): () => void {
      const ended = new AbortController();
      signal?.addEventListener("abort", () => ended.abort());
      el.classList.add("staa-host");
      mount(model, el, ended.signal);
      return () => ended.abort();
    },
  };
}
