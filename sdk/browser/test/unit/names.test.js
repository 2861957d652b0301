import assert from "node:assert/strict";
import { test } from "node:test";
import { deflateRawSync } from "node:zlib";

import { analyse, rename } from "../../scripts/names.mjs";

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
  const renamed = rename(PROGRAM, 2);
  assert.deepEqual(await runOf(renamed), await runOf(PROGRAM));
  assert.notEqual(renamed, PROGRAM);
});

test("properties that are marked get short names, others keep theirs", () => {
  const renamed = rename(PROGRAM, 1);
  assert.doesNotMatch(renamed, /\$\w{2}/);
  assert.match(renamed, /\bplain:2/);
  assert.ok(analyse(renamed).taken.properties.has("plain"));
});

test("the same program gets the same names, and it compresses better by them", () => {
  const sizeOf = (/** @type {string} */ code) => deflateRawSync(code, { level: 9 }).length;
  assert.equal(rename(PROGRAM, 1), rename(PROGRAM, 1));
  assert.ok(sizeOf(rename(PROGRAM, 2)) < sizeOf(rename(PROGRAM, 0)));
});

test("what a script gives the page keeps its name", () => {
  const script = "var Shown=(()=>{let hidden=1,$x=2;return{hidden,$field:$x}})();";
  const renamed = rename(script, 1);
  assert.match(renamed, /^var Shown=.*\{hidden\b/);
  assert.doesNotMatch(renamed, /\$x/);
});
