import assert from "node:assert/strict";
import { test } from "node:test";
import { deflateRawSync } from "node:zlib";

import { analyse, choose, rename } from "../../scripts/names.mjs";

/** All the places in which a name can stand, and names that hide others. */
const PROGRAM = `
function first(value,other){let inner=value+other;for(let index=0;index<3;index++){let inner=index;value+=inner}return value+inner}
function second({one,two:renamed=one,...rest},[head,...tail]=[7]){return one+renamed+head+tail.length+Object.keys(rest).length}
let box={$field:1,$method(value){return this.$field+value},get $own(){return this.$field},plain:2,first},{$field:taken,plain}=box,later;
try{throw 4}catch(thrown){let value=thrown;later=value}
switch(plain){case 2:let value=5;later+=value}
for(let [key,value] of Object.entries({a:1}))later+=key+value;
let assigned;({plain:assigned}=box);
let run=()=>{let box={first,$field:9,later};return[box.$field,box.first(1,2),second({one:1,three:3}),taken,plain,later,assigned,e]};
let answer=()=>[...run(),box.$method(3),box.$own,function self(depth){return depth?self(depth-1):"end"}(2)];
export{answer as main};`;

const shortened = (/** @type {string} */ code, /** @type {number} */ rounds) =>
  rename(code, choose(code, rounds));

/** @param {string} code */
const runOf = async (code) => {
  const page = /** @type {any} */ (globalThis);
  page.e = "a name of the page"; // a variable of that name would hide it
  try {
    return (await import(`data:text/javascript,${encodeURIComponent(code)}`)).main();
  } finally {
    delete page.e;
  }
};

test("under other names a program does the same", async () => {
  const renamed = shortened(PROGRAM, 2);
  assert.deepEqual(await runOf(renamed), await runOf(PROGRAM));
  assert.notEqual(renamed, PROGRAM);
});

test("properties that are marked get short names, others keep theirs", () => {
  const renamed = shortened(PROGRAM, 1);
  assert.doesNotMatch(renamed, /\$\w{2}/);
  assert.match(renamed, /\bplain:2/);
  assert.ok(analyse(renamed).taken.properties.has("plain"));
});

test("the same program gets the same names, and it compresses better by them", () => {
  const sizeOf = (/** @type {string} */ code) => deflateRawSync(code, { level: 9 }).length;
  assert.equal(shortened(PROGRAM, 1), shortened(PROGRAM, 1));
  assert.ok(sizeOf(shortened(PROGRAM, 2)) < sizeOf(shortened(PROGRAM, 0)));
});

test("what a script gives the page keeps its name", () => {
  const script = "var Shown=(()=>{let hidden=1,$x=2;return{hidden,$field:$x}})();";
  const renamed = shortened(script, 1);
  assert.match(renamed, /^var Shown=.*\{hidden\b/);
  assert.doesNotMatch(renamed, /\$x/);
});

test("names by which it would be another program are refused", () => {
  const code = "let one=1,two=()=>{let three=one;return one+three};export{two as main};";
  assert.throws(() => rename(code, ["same", "same", "same"]), /another program/);
});
