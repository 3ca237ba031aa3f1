// Signals after `@preact/signals-core`, of which this is the part that is used here, with the same number of runs in the
// same order. Values have versions. A write tells all who follow, and they compare versions before they compute again.
// Sources hold only those that an effect follows. Names that end in an underscore are shortened by the build.

/** A value that notes who reads it. */
export interface ReadonlySignal<T> {
  readonly value: T;
  /** The value, without being noted. */
  peek(): T;
}

export interface Signal<T> extends ReadonlySignal<T> {
  value: T;
}

/** What is computed or run at the moment. */
let reader: Node | undefined;
/** Effects to run, the last told first. */
let waiting: Node[] = [];
/** Writes and runs under way; effects wait for the outermost to end. */
let depth = 0;
/** How often effects have made others run by writing. */
let rounds = 0;
/** How often anything was written. */
let epoch = 0;

/** A signal, or with `run_` a computed or an effect. */
class Node<T = unknown> {
  version_ = 0;
  /** Epoch in which a computed was last up to date. */
  seen_ = -1;
  told_ = false;
  /** Whether a computed is computed at the moment. */
  running_ = false;
  threw_ = false;
  /** What was read, in order, and its version then. */
  sources_ = new Map<Node, number>();
  /** Who follows. An effect follows itself until it is ended. */
  targets_ = new Set<Node>();

  constructor(
    public value_: unknown,
    public run_?: () => unknown,
  ) {}

  get value(): T {
    if (this.running_) throw cycle();
    const by = reader;
    if (by?.targets_.size) follow(this, by);
    refresh(this);
    if (by && !by.sources_.has(this)) by.sources_.set(this, this.version_);
    if (this.threw_) throw this.value_;
    return this.value_ as T;
  }

  set value(value: T) {
    if (value === this.value_) return;
    if (rounds > 100) throw cycle();
    this.value_ = value;
    this.version_++;
    epoch++;
    hold(() => tell(this));
  }

  peek(): T {
    return untracked(() => this.value);
  }
}

const cycle = () => new Error("Cycle detected");

function follow(node: Node, target: Node): void {
  if (!node.targets_.size) for (const source of node.sources_.keys()) follow(source, node);
  node.targets_.add(target);
}

function leave(node: Node, target: Node): void {
  if (node.targets_.delete(target) && !node.targets_.size)
    for (const source of node.sources_.keys()) leave(source, node);
}

function tell(node: Node): void {
  for (const target of [...node.targets_].reverse()) {
    if (target.told_) continue;
    target.told_ = true;
    if (target.targets_.has(target)) waiting.push(target);
    else tell(target);
  }
}

function changed(node: Node): boolean {
  for (const [source, version] of node.sources_) {
    if (source.version_ === version) refresh(source);
    if (source.version_ !== version) return true;
  }
  return false;
}

/** Bring a computed up to date. */
function refresh(node: Node): void {
  node.told_ = false;
  if (!node.run_ || node.seen_ === epoch) return;
  node.seen_ = epoch;
  node.running_ = true;
  if (!node.version_ || changed(node)) {
    const { threw_, value_ } = node;
    try {
      node.threw_ = false;
      node.value_ = evaluate(node);
    } catch (error) {
      node.threw_ = true;
      node.value_ = error;
    }
    if (threw_ || node.threw_ || value_ !== node.value_ || !node.version_) node.version_++;
  }
  node.running_ = false;
}

function evaluate(node: Node): unknown {
  const [outer, before] = [reader, node.sources_];
  reader = node;
  node.sources_ = new Map();
  try {
    return node.run_!();
  } finally {
    reader = outer;
    for (const source of before.keys()) if (!node.targets_.size || !node.sources_.has(source)) leave(source, node);
  }
}

/** Do something, then run the effects that wait, unless something around it will; the first error is thrown at the end. */
function hold(run: () => void): void {
  const errors: unknown[] = [];
  const attempt = (call: () => void) => {
    try {
      call();
    } catch (error) {
      errors.push(error);
    }
  };
  depth++;
  attempt(run);
  while (depth === 1 && waiting.length) {
    rounds++;
    const effects = waiting.reverse();
    waiting = [];
    for (const effect of effects) {
      effect.told_ = false;
      attempt(() => effect.targets_.size && changed(effect) && evaluate(effect));
    }
  }
  if (!--depth) rounds = 0;
  if (errors.length) throw errors[0];
}

export const signal = <T>(value: T): Signal<T> => new Node<T>(value);

/** A value that follows from others; it is computed when read, and again only if one of them has changed. */
export const computed = <T>(run: () => T): ReadonlySignal<T> => new Node<T>(undefined, run);

/** Run `run` now and whenever something that it read has another value, until the returned function is called. */
export function effect(run: () => void): () => void {
  const node: Node = new Node(undefined, run);
  const end = () => leave(node, node);
  follow(node, node);
  try {
    hold(() => evaluate(node));
  } catch (error) {
    end();
    throw error;
  }
  return end;
}

/** Call `run`; what it reads is not noted. */
export function untracked<T>(run: () => T): T {
  const outer = reader;
  reader = undefined;
  try {
    return run();
  } finally {
    reader = outer;
  }
}
