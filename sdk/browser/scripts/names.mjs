/**
 * Chooses the short names of a minified program so that it compresses well. A minifier gives out
 * names in the order in which it meets variables; gzip saves a text that it has seen before, names
 * included. So each variable, and each property that nobody outside sees, gets one of the names
 * that are free for it by which the whole is smallest. Nothing but names changes, and the same
 * program gets the same names.
 */
import { deflateRawSync } from "node:zlib";

import ts from "typescript";

/** What the properties begin with that are to get short names too. */
export const PROPERTY = "$";

const LETTERS = [..."etrnaioulsfcdpyhbmgwvxkqjzOTNISRECLDUMPABFGWVHKYJXQZ_$"];
/** Names of two letters that are words of the language. */
const WORDS = ["as", "do", "if", "in", "of"];
/** Names that are tried of each variable: those that stand between the same letters elsewhere. */
const TRIES = 12;
const GRAM = 5;

/**
 * @typedef {object} Slot a place in the text where a name stands: `key: value`, or one of both
 * @property {number} start
 * @property {number} end
 * @property {number | string} [key] a property, by its number if it is to be named
 * @property {number | string} [value] a variable, by its number if it may be named
 */

const isScope = (node) =>
  ts.isFunctionLike(node) ||
  ts.isSourceFile(node) ||
  ts.isCatchClause(node) ||
  ts.isForStatement(node) ||
  ts.isForOfStatement(node) ||
  ts.isForInStatement(node) ||
  ts.isCaseBlock(node) ||
  // A function's parameters and what its body declares may not have the same name.
  (ts.isBlock(node) && !ts.isFunctionLike(node.parent) && !ts.isCatchClause(node.parent));

/** Return the node in which a declaration's name is known. */
function scopeOf(declaration) {
  let node = declaration;
  while (ts.isBindingElement(node) || ts.isBindingName(node)) node = node.parent;
  const isVar =
    ts.isVariableDeclaration(node) &&
    ts.isVariableDeclarationList(node.parent) &&
    !(node.parent.flags & ts.NodeFlags.BlockScoped);
  if (!ts.isFunctionExpression(node)) node = node.parent;
  while (!isScope(node) || (isVar && !ts.isFunctionLike(node) && !ts.isSourceFile(node)))
    node = node.parent;
  return node;
}

/** Return the program's syntax tree, and who knows what its names mean. */
function parse(code) {
  const file = ts.createSourceFile("program.js", code, ts.ScriptTarget.ES2022, true);
  const host = {
    ...ts.createCompilerHost({}),
    getSourceFile: (name) => (name === file.fileName ? file : undefined),
  };
  const options = { allowJs: true, noLib: true, noResolve: true, types: [] };
  return { file, checker: ts.createProgram([file.fileName], options, host).getTypeChecker() };
}

/**
 * Read where names stand in a program, and which of them may not be the same.
 *
 * @param {string} code
 */
export function analyse(code) {
  const { file, checker } = parse(code);
  const isScript = !ts.isExternalModule(file);
  const ids = new Map();
  /** @type {string[]} */
  const names = [];
  /** The scope in which each variable is known; nothing for properties. */
  const homes = [];
  /** The variables that a scope declares, or something in it uses. @type {Map<any, Set<number>>} */
  const known = new Map();
  /** @type {Slot[]} in their order */
  const slots = [];
  /** Names that no variable may have, and those that no property may have. */
  const taken = { variables: new Set(WORDS), properties: new Set() };

  const idOf = (what, name, home) => {
    if (!ids.has(what)) {
      ids.set(what, names.length);
      homes[names.length] = home;
      names.push(name);
    }
    return ids.get(what);
  };
  const property = ({ text }) => {
    if (text.startsWith(PROPERTY) && text.length > 2) return idOf(text, text);
    taken.properties.add(text);
    return text;
  };
  const variable = (node, symbol = checker.getSymbolAtLocation(node)) => {
    const home = symbol?.valueDeclaration && scopeOf(symbol.valueDeclaration);
    // The page's own names, and those that a script gives the page.
    if (!home || (isScript && home === file)) {
      taken.variables.add(node.text);
      return node.text;
    }
    const id = idOf(symbol, node.text, home);
    for (let scope = node.parent; ; scope = scope.parent) {
      if (!isScope(scope)) continue;
      if (!known.has(scope)) known.set(scope, new Set());
      known.get(scope).add(id);
      if (scope === home) return id;
    }
  };
  const add = (first, last, key, value) =>
    slots.push({ start: first.getStart(), end: last.end, key, value });

  const visit = (node) => {
    const { name, propertyName, initializer } = node;
    const isNamed = name && ts.isIdentifier(name);
    if (ts.isIdentifier(node)) add(node, node, undefined, variable(node));
    else if (ts.isPropertyAccessExpression(node)) {
      visit(node.expression);
      add(name, name, property(name));
    } else if (ts.isBindingElement(node) && isNamed) {
      const isField = ts.isObjectBindingPattern(node.parent) && !node.dotDotDotToken;
      const key = propertyName || name;
      if (isField) add(key, name, property(key), variable(name));
      else visit(name);
      if (initializer) visit(initializer);
    } else if (ts.isShorthandPropertyAssignment(node)) {
      const symbol = checker.getShorthandAssignmentValueSymbol(node);
      add(name, name, property(name), variable(name, symbol));
      if (node.objectAssignmentInitializer) visit(node.objectAssignmentInitializer);
    } else if (ts.isPropertyAssignment(node) && isNamed && ts.isIdentifier(initializer))
      add(name, initializer, property(name), variable(initializer));
    else if (ts.isExportSpecifier(node)) {
      const symbol = checker.getExportSpecifierLocalTargetSymbol(node);
      add(propertyName, propertyName, undefined, variable(propertyName, symbol));
    } else
      ts.forEachChild(node, (child) => {
        const isKey =
          child === propertyName ||
          (child === name && (ts.isObjectLiteralElement(node) || ts.isClassElement(node)));
        if (isKey && ts.isIdentifier(child)) add(child, child, property(child));
        else visit(child);
      });
  };
  visit(file);
  return { slots, names, homes, known, taken };
}

/** Return the text with these names, and where in it each slot is. */
function write(code, slots, names) {
  const called = (one) => (typeof one === "number" ? names[one] : one);
  let text = "";
  let end = 0;
  const spans = slots.map(({ start, end: after, key, value }) => {
    text += code.slice(end, start);
    end = after;
    const begin = text.length;
    const parts = [called(key), called(value)].filter((part) => part !== undefined);
    text += [...new Set(parts)].join(":"); // where both are the same it is written once
    return [begin, text.length];
  });
  return { text: text + code.slice(end), spans };
}

/** Count each piece of some letters. */
function gramsOf(text) {
  const grams = new Map();
  for (let end = GRAM; end <= text.length; end++) {
    const gram = text.slice(end - GRAM, end);
    grams.set(gram, (grams.get(gram) ?? 0) + 1);
  }
  return grams;
}

/** Say how well known all that is around some places would be, with another name there. */
function familiarity(grams, { text, spans }, places, name) {
  let sum = 0;
  for (const place of places) {
    const [begin, end] = spans[place];
    const around =
      text.slice(Math.max(0, begin - GRAM + 1), begin) + name + text.slice(end, end + GRAM - 1);
    for (let at = GRAM; at <= around.length; at++)
      sum += Math.log2(1 + (grams.get(around.slice(at - GRAM, at)) ?? 0));
  }
  return sum;
}

const sizeOf = (text) => deflateRawSync(text, { level: 9 }).length;

/** Return which variable stands in each slot, numbered as they come: what no renaming changes. */
function meaningOf({ slots }) {
  const seen = new Map();
  return slots
    .map(({ value }) => {
      if (typeof value === "number" && !seen.has(value)) seen.set(value, seen.size);
      return seen.get(value) ?? value;
    })
    .join();
}

/**
 * Return the names by which a minified program compresses best, one for each variable and property
 * as they come.
 *
 * @param {string} code
 * @param {number} rounds over all names: each finds a little more; 0 for the shortest that are free
 * @returns {string[]}
 */
export function choose(code, rounds) {
  const { slots, names, homes, known, taken } = analyse(code);
  const properties = [...names.keys()].filter((id) => !homes[id]);
  /** @type {Set<number>[]} */
  const clashes = names.map(() => new Set());
  homes.forEach((home, id) => {
    for (const other of home ? known.get(home) : properties)
      if (other !== id) {
        clashes[id].add(other);
        clashes[other].add(id);
      }
  });
  const isAllowed = (id, name) => !taken[homes[id] ? "variables" : "properties"].has(name);
  const isFree = (id, name) =>
    isAllowed(id, name) && ![...clashes[id]].some((other) => names[other] === name);
  const pairs = LETTERS.flatMap((first) => LETTERS.map((second) => first + second));
  for (const id of properties) names[id] = [...LETTERS, ...pairs].find((name) => isFree(id, name));

  /** @type {number[][]} the slots of each name */
  const places = names.map(() => []);
  slots.forEach(({ key, value }, index) => {
    for (const one of [key, value]) if (typeof one === "number") places[one].push(index);
  });

  let now = write(code, slots, names);
  let best = sizeOf(now.text);
  for (let round = 0; round < rounds; round++) {
    const grams = gramsOf(now.text);
    for (const id of names.keys()) {
      const tries = LETTERS.filter((name) => name !== names[id] && isAllowed(id, name))
        .map((name) => ({ name, rank: familiarity(grams, now, places[id], name) }))
        .sort((a, b) => b.rank - a.rank)
        .slice(0, TRIES);
      for (const { name } of tries) {
        const before = [...names];
        // Who has it gets ours, where that is possible.
        for (const other of clashes[id]) if (names[other] === name) names[other] = before[id];
        names[id] = name;
        const changed = [id, ...clashes[id]].filter((one) => names[one] !== before[one]);
        const next = changed.every((one) => isFree(one, names[one])) && write(code, slots, names);
        const size = next ? sizeOf(next.text) : Infinity;
        // Also where nothing is gained: the next name may gain by it.
        if (size <= best) [best, now] = [size, next];
        else names.splice(0, names.length, ...before);
      }
    }
  }
  return names;
}

/**
 * Return a program with these names.
 *
 * @param {string} code
 * @param {string[]} names
 */
export function rename(code, names) {
  const program = analyse(code);
  const { text } = write(code, program.slots, names);
  if (meaningOf(analyse(text)) !== meaningOf(program))
    throw new Error("with these names it is another program");
  return text;
}
