import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import * as reference from "@preact/signals-core";
import { expect, test } from "vitest";
import * as own from "../src/signals.js";

type Library = typeof own;

/** Numbers from a seed, so that both libraries get the same. */
function dice(seed: number): (sides: number) => number {
  let state = seed;
  return (sides) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
}

/**
 * A random graph and a random use of it, told line by line: every run of a computed and of an effect, what each read,
 * what was thrown. What is read depends on values; some computeds throw; some effects write what later ones read.
 */
function story({ signal, computed, effect, untracked }: Library, seed: number): string[] {
  const roll = dice(seed);
  const lines: string[] = [];
  const signals = Array.from({ length: 4 }, () => signal(roll(4)));
  const readable: own.ReadonlySignal<number>[] = [...signals];
  const running = new Map<string, () => void>();
  const attempt = (name: string, call: () => unknown) => {
    try {
      lines.push(`${name} ${call() ?? ""}`);
    } catch (error) {
      lines.push(`${name} threw ${(error as Error).message}`);
    }
  };
  /** What a node makes of the nodes before it. */
  const formula = (): (() => number) => {
    const pick = () => readable[roll(readable.length)];
    const [a, b, c, d] = [pick(), pick(), pick(), pick()];
    const [kind, most, fails] = [roll(6), 2 + roll(5), roll(8) === 0];
    return () => {
      if (fails && a.value === 1) throw new Error("one");
      if (kind === 0) return a.value;
      if (kind === 1) return (a.value + b.value * c.value) % most;
      if (kind === 2) return a.value % 2 ? b.value : c.value;
      if (kind === 3) return a.value > 1 ? (b.value + d.value) % most : 0;
      if (kind === 4) return (a.value + b.peek() + a.value) % most;
      return (a.value + untracked(() => c.value) + b.value) % most;
    };
  };
  const addComputed = () => {
    const [name, of] = [`computed ${readable.length}`, formula()];
    const made = computed(() => {
      lines.push(name);
      const value = of();
      lines.push(`${name} = ${value}`);
      return value;
    });
    readable.push(made);
  };
  const addEffect = () => {
    const [name, of, ends, nested] = [`effect ${lines.length}`, formula(), roll(8) === 0, roll(10) === 0];
    // Only what is made later can read it: no cycles.
    const written = roll(3) === 0 ? signal(0) : null;
    attempt(`new ${name}`, () => {
      const end = effect(() => {
        lines.push(name);
        const value = of();
        lines.push(`${name} saw ${value}`);
        if (written) written.value = value;
        if (nested) effect(() => void lines.push(`${name} inner ${signals[0].value}`))();
        if (ends && value === 2) running.get(name)?.();
      });
      running.set(name, end);
    });
    if (written) readable.push(written);
  };
  for (let i = 0; i < 6; i++) addComputed();
  for (let step = 0; step < 60; step++) {
    const what = roll(10);
    if (what < 5)
      attempt(`write ${step}`, () => {
        signals[roll(4)].value = roll(4);
      });
    else if (what === 5) addComputed();
    else if (what === 6) addEffect();
    else if (what === 7) attempt(`read ${step}`, () => readable[roll(readable.length)].value);
    else if (what === 8) attempt(`peek ${step}`, () => readable[roll(readable.length)].peek());
    else {
      const names = [...running.keys()];
      const name = names[roll(names.length)];
      running.get(name)?.();
      running.delete(name);
      lines.push(`end ${name}`);
    }
  }
  return lines;
}

test("random graphs: the same values and the same runs in the same order as @preact/signals-core", () => {
  let runs = 0;
  for (let seed = 0; seed < 2000; seed++) {
    const told = story(own, seed);
    expect(told, `seed ${seed}`).toEqual(story(reference as unknown as Library, seed));
    runs += told.length;
  }
  expect(runs).toBeGreaterThan(200_000);
});

for (const [name, library] of [
  ["own", own],
  ["@preact/signals-core", reference as unknown as Library],
] as const) {
  const { signal, computed, effect, untracked } = library;

  test(`${name}: an effect runs at once and after each change, and no more when ended`, () => {
    const number = signal(1);
    const seen: number[] = [];
    const end = effect(() => void seen.push(number.value));
    number.value = 2;
    number.value = 2;
    number.value = 3;
    end();
    end();
    number.value = 4;
    expect(seen).toEqual([1, 2, 3]);
  });

  test(`${name}: a computed is computed when read, once for each change, and not at all when nobody asks`, () => {
    const number = signal(2);
    let runs = 0;
    const square = computed(() => {
      runs++;
      return number.value ** 2;
    });
    number.value = 3;
    expect(runs).toBe(0);
    expect([square.value, square.value, square.peek()]).toEqual([9, 9, 9]);
    expect(runs).toBe(1);
    signal(0).value = 1;
    expect(square.value).toBe(9);
    expect(runs).toBe(1);
    number.value = 4;
    expect(square.value).toBe(16);
    expect(runs).toBe(2);
  });

  test(`${name}: nobody sees half a change, and an effect of two paths runs once`, () => {
    const number = signal(1);
    const double = computed(() => 2 * number.value);
    const triple = computed(() => 3 * number.value);
    const seen: number[][] = [];
    effect(() => void seen.push([double.value, triple.value, number.value]));
    number.value = 2;
    expect(seen).toEqual([
      [2, 3, 1],
      [4, 6, 2],
    ]);
  });

  test(`${name}: an effect does not run when a computed keeps its value, however far down`, () => {
    const number = signal(1);
    const odd = computed(() => number.value % 2 === 1);
    const word = computed(() => (odd.value ? "odd" : "even"));
    const seen: string[] = [];
    effect(() => void seen.push(word.value));
    number.value = 3;
    number.value = 5;
    expect(seen).toEqual(["odd"]);
    number.value = 6;
    expect(seen).toEqual(["odd", "even"]);
  });

  test(`${name}: only what the last run read counts`, () => {
    const [which, left, right] = [signal(true), signal("a"), signal("x")];
    const seen: string[] = [];
    effect(() => void seen.push(which.value ? left.value : right.value));
    right.value = "y";
    which.value = false;
    left.value = "b";
    right.value = "z";
    expect(seen).toEqual(["a", "y", "z"]);
  });

  test(`${name}: what is peeked at or read untracked does not count; an effect made within is on its own`, () => {
    const [read, peeked, untrackedly] = [signal(1), signal(1), signal(1)];
    const seen: number[] = [];
    let inner = 0;
    effect(() => {
      seen.push(read.value + peeked.peek() + untracked(() => untrackedly.value));
      if (seen.length === 1)
        effect(() => {
          inner += peeked.value;
        });
    });
    peeked.value = 2;
    untrackedly.value = 2;
    expect([seen, inner]).toEqual([[3], 3]);
    read.value = 2;
    expect(seen).toEqual([3, 6]);
  });

  test(`${name}: effects that write wait for each other`, () => {
    const [from, to] = [signal(1), signal(0)];
    const seen: string[] = [];
    effect(() => {
      to.value = from.value + 1;
      seen.push(`wrote ${to.value}`);
    });
    effect(() => void seen.push(`${from.value} ${to.value}`));
    from.value = 5;
    expect(seen).toEqual(["wrote 2", "1 2", "wrote 6", "5 6"]);
  });

  test(`${name}: what an effect reads and writes runs it again until it is settled`, () => {
    const number = signal(1);
    let runs = 0;
    effect(() => {
      runs++;
      if (number.value < 5) number.value++;
    });
    expect([number.value, runs]).toEqual([5, 5]);
    const once = signal(0);
    const seen: number[] = [];
    effect(() => {
      seen.push(once.value);
      once.value = 1;
      seen.push(once.value);
    });
    expect(seen).toEqual([0, 1, 1, 1]);
  });

  test(`${name}: an effect that is ended while it waits does not run`, () => {
    const number = signal(0);
    const seen: string[] = [];
    let end = () => {};
    effect(() => {
      seen.push(`first ${number.value}`);
      if (number.value) end();
    });
    end = effect(() => void seen.push(`second ${number.value}`));
    number.value = 1;
    expect(seen).toEqual(["first 0", "second 0", "first 1"]);
  });

  test(`${name}: cycles are errors, and the rest goes on`, () => {
    const number = signal(0);
    const chicken: own.ReadonlySignal<number> = computed(() => egg.value + number.value);
    const egg: own.ReadonlySignal<number> = computed(() => chicken.value + 1);
    expect(() => chicken.value).toThrow("Cycle detected");
    expect(() => egg.value).toThrow("Cycle detected");
    const forever = () =>
      effect(() => {
        number.value = number.value + 1;
      });
    expect(forever).toThrow("Cycle detected");
    const fine = signal(1);
    const double = computed(() => 2 * fine.value);
    const seen: number[] = [];
    effect(() => void seen.push(double.value));
    fine.value = 2;
    expect(seen).toEqual([2, 4]);
  });

  test(`${name}: an error is thrown to who reads, until it is over; other effects run all the same`, () => {
    const number = signal(1);
    const checked = computed(() => {
      if (number.value === 2) throw new Error("two");
      return number.value;
    });
    const seen: number[] = [];
    effect(() => void checked.value);
    effect(() => void seen.push(number.value));
    expect(() => {
      number.value = 2;
    }).toThrow("two");
    expect(() => checked.value).toThrow("two");
    number.value = 3;
    expect([checked.value, seen]).toEqual([3, [1, 2, 3]]);
    expect(() =>
      effect(() => {
        seen.push(number.value);
        throw new Error("at once");
      }),
    ).toThrow("at once");
    number.value = 4;
    expect(seen).toEqual([1, 2, 3, 3, 4]);
    const word = computed(() => {
      if (number.value === 5) throw "same";
      return "same";
    });
    const told: string[] = [];
    effect(() => {
      try {
        told.push(word.value);
      } catch {
        told.push("failed");
      }
    });
    number.value = 5;
    number.value = 6;
    expect(told).toEqual(["same", "failed", "same"]);
  });

  test(`${name}: a wide and deep graph without effects is read in one walk`, () => {
    const number = signal(1);
    let [left, right]: own.ReadonlySignal<number>[] = [number, number];
    let runs = 0;
    for (let i = 0; i < 40; i++) {
      const [a, b] = [left, right];
      const next = () => {
        runs++;
        return (a.value + b.value) % 1000;
      };
      [left, right] = [computed(next), computed(next)];
    }
    left.value;
    number.value = 2;
    left.value;
    expect(runs).toBe(2 * (2 * 40 - 1));
  });

  test(`${name}: a computed that nobody follows is not held by what it read`, async () => {
    setFlagsFromString("--expose_gc");
    const collect = runInNewContext("gc") as () => void;
    const number = signal(1);
    const make = (followed: boolean) => {
      const double = computed(() => 2 * number.value);
      const last = computed(() => double.value + 1);
      if (followed) effect(() => void last.value)();
      last.value;
      return [new WeakRef(double), new WeakRef(last)];
    };
    const endsItself = () => {
      const double = computed(() => 2 * number.value);
      const end: () => void = effect(() => {
        if (number.value === 7) end();
        double.value;
      });
      number.value = 7;
      number.value = 1;
      return new WeakRef(double);
    };
    const refs = [...make(false), ...make(true), endsItself()];
    const living = computed(() => 3 * number.value);
    const seen: number[] = [];
    effect(() => void seen.push(living.value));
    await new Promise((resolve) => setTimeout(resolve));
    collect();
    expect(refs.map((ref) => ref.deref())).toEqual(refs.map(() => undefined));
    number.value = 2;
    expect(seen).toEqual([3, 6]);
  });
}
