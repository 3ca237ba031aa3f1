// What minifiers leave long: a word of the platform that stands in a bundle a hundred times. Each that pays for it is
// named once, `const A = "addEventListener"`, and said by that name, `x[A](…)`; the names are made short afterwards.
import { parse } from "acorn";

/** Letters that a name will have when it is short, and the brackets around it where it names a property. */
const NAME = 2;
const BRACKETS = 2;

/**
 * Name once what a script says often: properties, functions of Math, string literals.
 *
 * @param {string} code whose own names are still long
 * @param {boolean} module whether it is a module
 */
export function sayOnce(code, module) {
  const said = new Map();
  const note = (word, start, end, member) => {
    if (!said.has(word)) said.set(word, []);
    said.get(word).push({ start, end, member });
  };
  visit(parse(code, { ecmaVersion: 2022, sourceType: module ? "module" : "script" }), null, (node, parent) => {
    const { type, object, property } = node;
    if (type === "MemberExpression" && property.type === "Identifier" && !node.computed && object.type !== "Super") {
      if (object.name === "Math") note(`Math.${property.name}`, node.start, node.end, false);
      // After `?.` the brackets follow, in place of a dot they stand.
      else note(JSON.stringify(property.name), property.start - (node.optional ? 0 : 1), property.end, true);
    }
    const free = !/^(Import|Export|Property$|ExpressionStatement|MethodDef|PropertyDef)/.test(parent?.type);
    if (type === "Literal" && typeof node.value === "string" && (free || parent.value === node)) {
      note(JSON.stringify(node.value), node.start, node.end, false);
    }
  });
  const named = [];
  const edits = [];
  for (const [word, places] of said) {
    const cost = ({ member }) => NAME + (member ? BRACKETS : 0);
    const saved = places.reduce((sum, place) => sum + place.end - place.start - cost(place), 0);
    if (saved < word.length + NAME + 4) continue;
    const name = `said_${named.length}`;
    named.push(`${name}=${word}`);
    for (const { start, end, member } of places) edits.push({ start, end, text: member ? `[${name}]` : name });
  }
  let short = code;
  for (const { start, end, text } of edits.sort((a, b) => b.start - a.start)) {
    const before = /[\w$]/.test(short[start - 1] ?? "") && text[0] !== "[" ? " " : "";
    const after = /[\w$]/.test(short[end] ?? "") && text[0] !== "[" ? " " : "";
    short = short.slice(0, start) + before + text + after + short.slice(end);
  }
  const constants = `const ${named.join(",")};`;
  // The functions around a plain script keep its names from the page.
  return module ? constants + short : `(()=>{${constants}${short}})();`;
}

function visit(node, parent, tell) {
  tell(node, parent);
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) if (child?.type) visit(child, node, tell);
  }
}

/** Give custom properties that no script sets short names, which only the player's own rules know. */
export function shortProperties(css, script) {
  const names = [...new Set(css.match(/--staa-[a-z-]+/g))].filter((name) => !script.includes(name));
  return css.replace(/--staa-[a-z-]+/g, (name) => (names.includes(name) ? `--s${names.indexOf(name)}` : name));
}
