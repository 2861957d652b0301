import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

const USUAL = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Returns the path of Chromium: `CHROMIUM`, or where distributions put it. Throws without one. */
export function findChromium() {
  const path = process.env.CHROMIUM ?? USUAL.find((candidate) => existsSync(candidate));
  if (path && existsSync(path)) return path;
  throw new Error(
    "Chromium is missing: install it (Debian: apt-get install chromium) or set CHROMIUM to its path",
  );
}

/** @param {import("playwright-core").LaunchOptions} [options] */
export const launch = ({ args = [], ...options } = {}) =>
  chromium.launch({ executablePath: findChromium(), args: [...FLAGS, ...args], ...options });

/** Starts Chromium with a profile on disk. @param {string} folder */
export const launchWithProfile = (folder) =>
  chromium.launchPersistentContext(folder, {
    executablePath: findChromium(),
    args: FLAGS,
    locale: "en-US",
  });
