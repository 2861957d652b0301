// Shows /openapi.json as a page. Everything becomes text nodes: nothing is parsed as HTML.
"use strict";

/**
 * @typedef {{$ref?: string, anyOf?: Schema[], oneOf?: Schema[], enum?: unknown[], const?: unknown,
 *   type?: string, format?: string, items?: Schema, prefixItems?: Schema[],
 *   properties?: Record<string, Schema>, description?: string, example?: unknown,
 *   default?: unknown}} Schema
 * @typedef {Record<string, {schema: Schema}>} Content
 * @typedef {{name: string, in: string, required?: boolean, description?: string,
 *   schema?: Schema}} Parameter
 * @typedef {{summary?: string, description?: string, tags?: string[], security?: unknown,
 *   parameters?: Parameter[], requestBody?: {content?: Content},
 *   responses?: Record<string, {description: string, content?: Content}>}} Operation
 * @typedef {{info: {description?: string}, paths: Record<string, Record<string, Operation>>}} Api
 * @typedef {Node | string | (Node | string)[]} Cell
 */

const METHODS = ["get", "post", "put", "patch", "delete"];

/**
 * Make an element with attributes and children; strings become text.
 *
 * @param {string} tag
 * @param {Record<string, string>} [attributes]
 * @param {...(Node | string)} children
 */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Return the page's own element. @param {string} id */
const own = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** Turn `code` in backquotes into code elements. @param {string} text */
function prose(text) {
  return text.split(/`([^`]*)`/).map((part, index) => (index % 2 ? make("code", {}, part) : part));
}

/**
 * Follow one reference inside of the document.
 *
 * @param {Api} api
 * @param {Schema} [schema]
 * @returns {Schema}
 */
function resolve(api, schema) {
  if (!schema || !schema.$ref) return schema || {};
  return schema.$ref
    .slice(2)
    .split("/")
    .reduce((node, key) => node[key], /** @type {Record<string, any>} */ (api));
}

/**
 * Name the type of a schema in a few words.
 *
 * @param {Schema} schema
 * @returns {string}
 */
function typeOf(schema) {
  if (schema.$ref) return schema.$ref.slice(schema.$ref.lastIndexOf("/") + 1);
  const choices = schema.anyOf || schema.oneOf;
  if (choices) return choices.map(typeOf).join(" or ");
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.type === "array")
    return `list of ${typeOf(schema.items || schema.prefixItems?.[0] || {})}`;
  return schema.format ? `${schema.type} (${schema.format})` : schema.type || "any";
}

/**
 * Invent an example of a schema, from its own examples where it has some.
 *
 * @param {Api} api
 * @param {Schema} given
 * @returns {unknown}
 */
function exampleOf(api, given, depth = 0) {
  const schema = resolve(api, given);
  if (schema.example !== undefined) return schema.example;
  if (schema.default !== undefined) return schema.default;
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum[0];
  const choices = schema.anyOf || schema.oneOf;
  if (choices) return exampleOf(api, choices[0], depth);
  if (depth > 6) return null;
  if (schema.type === "array") {
    if (schema.prefixItems)
      return schema.prefixItems.map((item) => exampleOf(api, item, depth + 1));
    return [exampleOf(api, schema.items || {}, depth + 1)];
  }
  if (schema.type === "object") {
    return Object.fromEntries(
      Object.entries(schema.properties || {}).map(([name, part]) => [
        name,
        exampleOf(api, part, depth + 1),
      ]),
    );
  }
  if (schema.format === "date-time") return "2026-11-23T10:15:30.123456Z";
  if (schema.format === "uuid") return "019ab0f2-9a7b-7c3d-8e4f-5a6b7c8d9e0f";
  const plain = new Map(Object.entries({ string: "text", integer: 1, number: 1.5, boolean: true }));
  return plain.get(schema.type ?? "") ?? null;
}

/** Show text to copy. @param {string} text */
function sample(text) {
  const button = make("button", { type: "button" }, "Copy");
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
    setTimeout(() => {
      button.textContent = "Copy";
    }, 1500);
  });
  return make("div", { class: "sample" }, make("pre", { tabindex: "0" }, text), button);
}

/** @param {string[]} headings @param {Cell[][]} rows */
function table(headings, rows) {
  const head = make("tr", {}, ...headings.map((heading) => make("th", { scope: "col" }, heading)));
  const body = rows.map((cells) =>
    make("tr", {}, ...cells.map((cell) => make("td", {}, ...[cell].flat()))),
  );
  return make(
    "div",
    { class: "scroll" },
    make("table", {}, make("thead", {}, head), make("tbody", {}, ...body)),
  );
}

/**
 * @param {string} path
 * @param {string} method
 * @param {Operation} operation
 * @param {unknown} body
 */
function curl(path, method, operation, body) {
  const parts = ["curl"];
  if (method !== "get") parts.push(`-X ${method.toUpperCase()}`);
  if (operation.security) parts.push('-H "Authorization: Bearer $HEADWATER_TOKEN"');
  if ((operation.parameters || []).some((parameter) => parameter.name === "if-match")) {
    parts.push("-H 'If-Match: \"…\"'");
  }
  if (body !== undefined) {
    parts.push("-H 'Content-Type: application/json'");
    parts.push(`-d '${JSON.stringify(body).replaceAll("'", "'\\''")}'`);
  }
  parts.push(`'${location.origin}${path}'`);
  return parts.join(" \\\n  ");
}

/**
 * @param {Api} api
 * @param {string} path
 * @param {string} method
 * @param {Operation} operation
 * @param {string} id
 */
function showOperation(api, path, method, operation, id) {
  const section = make("section", { id });
  section.append(
    make("h3", {}, operation.summary || path),
    make(
      "div",
      { class: "call" },
      make("span", { class: `method ${method}` }, method),
      make("code", { class: "path" }, path),
    ),
  );
  for (const paragraph of (operation.description || "").split("\n\n")) {
    if (paragraph) section.append(make("p", {}, ...prose(paragraph)));
  }
  if (operation.parameters?.length) {
    section.append(
      make("h4", {}, "Parameters"),
      table(
        ["Name", "Type", "Meaning"],
        operation.parameters.map((parameter) => [
          make("code", {}, parameter.name + (parameter.required ? " *" : "")),
          typeOf(parameter.schema || {}),
          prose(
            parameter.description ||
              parameter.schema?.description ||
              (parameter.in === "path" ? "in the path" : ""),
          ),
        ]),
      ),
    );
  }
  const content = operation.requestBody?.content?.["application/json"];
  const body = content && exampleOf(api, content.schema);
  section.append(make("h4", {}, "Request"), sample(curl(path, method, operation, body)));
  const answers = Object.entries(operation.responses || {});
  for (const [status, response] of answers) {
    const json = response.content?.["application/json"];
    if (!json || !status.startsWith("2")) continue;
    section.append(
      make("h4", {}, `Answer ${status}`),
      sample(JSON.stringify(exampleOf(api, json.schema), null, 2)),
    );
  }
  section.append(
    make("h4", {}, "Statuses"),
    table(
      ["Status", "Meaning"],
      answers.map(([status, response]) => [make("code", {}, status), response.description]),
    ),
  );
  return section;
}

async function main() {
  const operations = own("operations");
  const status = own("status");
  const answer = await fetch("/openapi.json");
  if (!answer.ok) {
    status.textContent = `The document could not be loaded (${answer.status}). Reload the page to try again.`;
    return;
  }
  /** @type {Api} */
  const api = await answer.json();
  own("description").append(...prose(api.info.description || ""));
  /** @type {Map<string, [string, string, Operation][]>} */
  const groups = new Map();
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const method of METHODS.filter((name) => methods[name])) {
      const group = methods[method].tags?.[0] || "other";
      const entries = groups.get(group) ?? [];
      groups.set(group, [...entries, [path, method, methods[method]]]);
    }
  }
  status.remove();
  const contents = own("contents");
  for (const [group, entries] of groups) {
    const list = make("ul");
    contents.append(make("h2", {}, group), list);
    for (const [path, method, operation] of entries) {
      const id = `${method}${path}`.replaceAll(/[^a-z0-9]+/gi, "-");
      list.append(make("li", {}, make("a", { href: `#${id}` }, operation.summary || path)));
      operations.append(showOperation(api, path, method, operation, id));
    }
  }
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

main().catch((error) => {
  own("operations").append(make("p", { role: "alert" }, `The page failed: ${error.message}`));
});
