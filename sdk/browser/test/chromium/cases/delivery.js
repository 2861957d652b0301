import assert from "node:assert/strict";

import { accept, acceptAndDrop, acceptAndHang, hang, status } from "../collector.js";
import {
  PREFIX,
  assertIdentity,
  flush,
  logAll,
  sleep,
  statsOf,
  storedIn,
  times,
  word,
} from "../lab.js";

/** @typedef {import("../lab.js").Lab} Lab */
/** @typedef {{ number: number, title: string, run: (lab: Lab) => Promise<void>, timed?: boolean, gateway?: boolean }} Case */

const ids = (/** @type {Lab} */ lab) => lab.collector.posts.map((post) => post.batch.batch_id);
const gaps = (/** @type {Lab} */ lab) =>
  lab.collector.posts.slice(1).map((post, index) => post.at - lab.collector.posts[index].at);

/** @type {Case[]} */
export const cases = [
  {
    number: 1,
    title: "25 logs offline, a reload, online again: all once, in order",
    gateway: true,
    async run(lab) {
      const page = await lab.visit();
      await lab.serveOffline();
      await lab.setOffline(true);
      const messages = times(25, (n) => `offline ${word(n)}`);
      await logAll(page, messages);
      await page.reload();
      await sleep(500); // until the requests that outlive the first page have failed
      assert.equal(lab.collector.posts.length, 0);
      await lab.setOffline(false);
      await lab.expectDelivered(messages);
      assert.deepEqual(lab.collector.messages, messages);
      const seqs = lab.collector.events.map((event) => event.extra_data.seq);
      assert.deepEqual(
        seqs,
        [...seqs].sort((a, b) => a - b),
      );
      assert.equal(new Set(ids(lab)).size, ids(lab).length, "a batch was sent twice");
    },
  },
  {
    number: 2,
    title: "two tabs with 40 stored batches go online: each batch is received once",
    gateway: true,
    async run(lab) {
      const init = "{ batchSize: 1 }";
      const [one, two] = [await lab.visit({ init }), await lab.visit({ init })];
      await lab.setOffline(true);
      const [ones, twos] = ["one", "two"].map((tab) => times(20, (n) => `tab ${tab} ${word(n)}`));
      await Promise.all([logAll(one, ones), logAll(two, twos)]);
      await one.waitForFunction(
        (prefix) => Object.keys(localStorage).filter((key) => key.startsWith(prefix)).length >= 40,
        PREFIX,
      );
      await lab.setOffline(false);
      await lab.expectDelivered([...ones, ...twos]);
      assert.equal(ids(lab).length, new Set(ids(lab)).size, "a batch was sent twice");
      // what was taken leaves the storage once its answer has come
      await one.waitForFunction(
        (prefix) => Object.keys(localStorage).every((key) => !key.startsWith(prefix)),
        PREFIX,
      );
    },
  },
  {
    number: 3,
    title: "the tab that drains crashes: another tab takes over within a second",
    timed: true,
    gateway: true,
    async run(lab) {
      const init = "{ batchSize: 1 }";
      const first = await lab.visit({ init });
      await lab.setOffline(true);
      const messages = times(5, (n) => `stored ${word(n)}`);
      await logAll(first, messages);
      await sleep(100);
      await first.close();
      lab.collector.answer = hang;
      await lab.setOffline(false);
      const owner = await lab.visit({ init });
      await lab.collector.until("the owner's first request", () => lab.collector.posts.length > 0);
      await lab.visit({ init });
      await sleep(200);
      lab.collector.answer = () => accept();
      const session = await lab.context.newCDPSession(owner);
      const crashed = new Promise((done) => owner.once("crash", done));
      session.send("Page.crash").catch(() => undefined);
      await crashed;
      const crashedAt = lab.collector.now();
      await lab.expectDelivered(messages);
      const [taken] = lab.collector.posts.filter((post) => post.done === "202");
      assert.ok(taken.at - crashedAt < 1000, `drained after ${taken.at - crashedAt} ms`);
    },
  },
  {
    number: 4,
    title: "429: nothing is sent before Retry-After is over, capture goes on, nothing is lost",
    gateway: true,
    async run(lab) {
      const tooMany = (/** @type {string} */ value) =>
        status(429, { headers: { "retry-after": value } });
      const messages = [];
      const page = await lab.visit({ init: "{ flushMs: 100 }" });
      const waits = [
        ["2", 2000, 2600],
        ["0", 0, 1300],
        ["soon", 0, 1300],
      ];
      for (const [value, least, most] of /** @type {[string, number, number][]} */ (waits)) {
        const before = lab.collector.posts.length;
        lab.collector.script(tooMany(value));
        const [one, two] = [`before ${value}`, `during ${value}`];
        messages.push(one, two);
        await logAll(page, [one]);
        await lab.collector.until("a refusal", () => lab.collector.posts.length > before);
        await logAll(page, [two]);
        await lab.collector.until("the retry", () => lab.collector.messages.includes(two));
        const [refused, next] = lab.collector.posts.slice(before);
        const waited = next.at - refused.at;
        assert.ok(waited >= least - 150, `${value}: came after ${waited} ms`);
        assert.ok(waited <= most + 10_000, `${value}: came after ${waited} ms`);
        assert.equal(next.batch.batch_id, refused.batch.batch_id);
      }
      const date = new Date(Math.ceil(Date.now() / 1000) * 1000 + 1000);
      lab.collector.script(tooMany(date.toUTCString()));
      const before = lab.collector.posts.length;
      messages.push("before the date");
      await logAll(page, ["before the date"]);
      await lab.collector.until("retried", () => lab.collector.posts.length > before + 1);
      assert.ok(Date.now() >= date.getTime() - 150, "came before the date");
      await lab.expectDelivered(messages);
      assertIdentity(await statsOf(page));
    },
  },
  {
    number: 4,
    title: "429 with a Retry-After of years: an hour of silence, then all is sent",
    gateway: true,
    async run(lab) {
      await lab.context.clock.install();
      lab.collector.script(status(429, { headers: { "retry-after": "99999999" } }));
      const page = await lab.visit({ init: "{ flushMs: 100 }" });
      await logAll(page, ["first"]);
      await lab.context.clock.runFor(200);
      await lab.collector.until("a refusal", () => lab.collector.posts.length === 1);
      await sleep(100);
      for (let minute = 1; minute < 59; minute += 10) {
        await logAll(page, [`minute ${word(minute)}`]);
        await lab.context.clock.runFor(600_000 - 1000);
      }
      assert.equal(lab.collector.posts.length, 1, "sent within the hour");
      // in small steps: an answer has a deadline of 10 s on this clock
      for (let step = 0; lab.collector.posts.length === 1 && step < 200; step += 1)
        await lab.context.clock.runFor(1000);
      await lab.expectDelivered([
        "first",
        ...[1, 11, 21, 31, 41, 51].map((n) => `minute ${word(n)}`),
      ]);
    },
  },
  {
    number: 5,
    title: "413: batches are halved; one record too large is cut, then dropped and counted",
    gateway: true,
    async run(lab) {
      lab.collector.answer = (post) =>
        post.bytes > 4096 || JSON.stringify(post.batch).includes("giant") ? status(413) : accept();
      const page = await lab.visit({ init: "{ flushMs: 100 }" });
      const filling = "lorem ipsum dolor sit amet ".repeat(20);
      const messages = times(20, (n) => `half ${word(n)} ${filling}`);
      await logAll(page, messages);
      await lab.collector.until("all halves", () => lab.collector.events.length === 20);
      await page.evaluate(() =>
        window.log.info("giant ".repeat(1300), { note: "y ".repeat(3000) }),
      );
      await flush(page);
      await lab.expectDelivered(messages);
      const stats = await statsOf(page);
      assertIdentity(stats);
      assert.equal(stats.dropped, 1);
      const giants = lab.collector.posts.filter((post) =>
        JSON.stringify(post.batch).includes("giant "),
      );
      assert.ok(giants.length <= 3, `the giant was tried ${giants.length} times`);
      assert.ok(
        (giants.at(-1)?.bytes ?? 0) < giants[0].bytes,
        "it was not cut before it was dropped",
      );
    },
  },
  {
    number: 6,
    title: "503 four times: four attempts within the jitter's bounds, then stored, then sent",
    gateway: true,
    async run(lab) {
      lab.collector.answer = () => status(503);
      const page = await lab.visit({ init: "{ flushMs: 50 }" });
      await logAll(page, ["kept through an outage"]);
      await lab.collector.until("four attempts", () => lab.collector.posts.length === 4);
      gaps(lab).forEach((gap, retry) => {
        const most = 1000 * 2 ** retry;
        assert.ok(gap <= most + 5000, `retry ${retry} after ${gap} ms, more than ${most}`);
      });
      await sleep(1000);
      assert.equal(lab.collector.posts.length, 4, "more than three retries");
      assert.equal((await storedIn(page)).length, 1);
      assertIdentity(await statsOf(page));
      lab.collector.answer = () => accept();
      await page.reload();
      await lab.expectDelivered(["kept through an outage"]);
      assert.equal(new Set(ids(lab)).size, 1, "the batch changed its id");
      assert.equal(new Set(lab.collector.posts.map((post) => post.body.toString())).size, 1);
      await page.waitForFunction(() => window.log.stats().stored === 0);
    },
  },
  {
    number: 7,
    title: "401, 403, 404: one attempt, silence after it, onError once",
    gateway: true,
    async run(lab) {
      for (const code of [401, 403, 404]) {
        const context = await lab.newContext();
        const before = lab.collector.posts.length;
        lab.collector.answer = () => status(code);
        const page = await lab.visit({
          context,
          head: "<script>window.told = []</script>",
          init: "{ flushMs: 50, onError: (error) => told.push(String(error)) }",
        });
        await logAll(page, [`refused with ${code}`]);
        await lab.collector.until("an attempt", () => lab.collector.posts.length > before);
        await sleep(300);
        await logAll(page, [`after ${code}`]);
        await sleep(1700);
        const posts = lab.collector.posts.slice(before);
        assert.equal(posts.length, 1, `${code}: the breaker is not open`);
        assert.equal(await page.evaluate(() => window.told.length), 1, `${code}: onError`);
        assertIdentity(await statsOf(page));
        await context.close();
      }
      lab.collector.answer = () => accept();
      const page = await lab.visit({ init: "{ flushMs: 50 }" });
      await logAll(page, ["a page with a good key"]);
      await lab.expectDelivered(["a page with a good key"]);
    },
  },
  {
    number: 8,
    title: "the answer is lost: sent again with the same id and bytes, taken once",
    gateway: true,
    async run(lab) {
      lab.collector.script(acceptAndDrop(), acceptAndDrop());
      const page = await lab.visit();
      const messages = times(10, (n) => `answer lost ${word(n)}`);
      await logAll(page, messages);
      await lab.collector.until("a good answer", () =>
        lab.collector.posts.some((post) => post.done === "202"),
      );
      await lab.expectDelivered(messages);
      assert.equal(lab.collector.batches.size, 1);
      assert.ok(lab.collector.posts.length >= 2);
      assert.equal(new Set(lab.collector.posts.map((post) => post.body.toString())).size, 1);
      await page.waitForFunction(() => window.log.stats().sent === 10);
    },
  },
  {
    number: 9,
    title: "no answer, or one without an end: given up after 10 s, nothing is blocked",
    gateway: true,
    async run(lab) {
      const pages = [];
      for (const [name, action] of Object.entries({ silence: hang(), endless: acceptAndHang() })) {
        const context = await lab.newContext();
        const page = await lab.visit({ context, init: "{ flushMs: 50 }" });
        const before = lab.collector.posts.length;
        lab.collector.script(action);
        await logAll(page, [`${name} first`]);
        await lab.collector.until("a request", () => lab.collector.posts.length > before);
        await logAll(page, [`${name} second`]);
        pages.push({ page, name });
      }
      const all = pages.flatMap(({ name }) => [`${name} first`, `${name} second`]);
      await lab.collector.until("all four", () => lab.collector.events.length === 4);
      for (const { name } of pages) {
        const [given, again] = lab.collector.posts.filter(({ batch }) =>
          batch.events.some(({ message }) => message === `${name} first`),
        );
        // by the page's clock: a busy machine may bring a request long after its sending
        const [began, ended] = [given, again].map(({ query }) => Number(query.get("sent_at")));
        assert.ok(ended - began > 9900, `given up after ${ended - began} ms`);
      }
      const large = "кириллица ".repeat(60);
      for (const { page, name } of pages) {
        const last = times(30, (n) => `${name} ${word(n)} ${large}`);
        all.push(...last);
        await page.evaluate((texts) => {
          texts.forEach((text) => window.log.info(text));
          location.href = "about:blank";
        }, last);
      }
      await lab.expectDelivered(all);
    },
  },
  {
    number: 10,
    title: "30 batches answered with a body and no-store: no request fails of a full quota",
    gateway: true,
    async run(lab) {
      const body = JSON.stringify({ accepted: 1, rejected: [], note: "n".repeat(2000) });
      lab.collector.answer = () => accept({ body });
      const page = await lab.visit({ init: "{ batchSize: 1 }" });
      const filling = "lorem ipsum dolor sit amet ".repeat(250);
      const messages = times(30, (n) => `quota ${word(n)} ${filling}`);
      for (const message of messages) {
        await logAll(page, [message]);
        await sleep(15);
      }
      await lab.expectDelivered(messages);
      const stats = await statsOf(page);
      assert.equal(stats.retried, 0);
      assert.equal(lab.collector.posts.length, 30);
    },
  },
];
