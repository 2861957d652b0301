import js from "@eslint/js";
import globals from "globals";

export default [
  { ignores: [".*/", "**/dist/", "sdk/browser/src/redaction/rules.js"] },
  js.configs.recommended,
  {
    linterOptions: { reportUnusedDisableDirectives: true },
    rules: {
      "no-control-regex": "off", // NUL and the substitute character are what is looked for
      "no-implied-eval": "error",
      "no-eval": "error",
      "no-new-func": "error",
      "no-restricted-properties": ["error", { property: "innerHTML" }],
      eqeqeq: ["error", "always", { null: "ignore" }],
      "no-var": "error",
      "prefer-const": "error",
      "no-unused-vars": ["error", { varsIgnorePattern: "^_$", argsIgnorePattern: "^_$" }],
    },
  },
  {
    files: ["sdk/browser/src/**", "services/**", "headwater/**", "bench/browser/adapters/**"],
    languageOptions: { globals: globals.browser },
  },
  {
    files: ["sdk/browser/{scripts,test}/**", "bench/browser/*.js", "tests/clients/*.mjs"],
    languageOptions: { globals: globals.node },
  },
  // What a case runs in the page is written as a function of the test.
  {
    files: ["sdk/browser/test/chromium/**", "bench/browser/*.js", "tests/clients/*"],
    languageOptions: { globals: globals.browser },
  },
  {
    files: ["sdk/browser/test/chromium/**"],
    rules: { "no-eval": "off" }, // that a strict policy forbids it is what they show
  },
];
