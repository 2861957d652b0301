/**
 * The shapes that the modules share. Nothing here runs.
 *
 * @typedef {"debug" | "info" | "warn" | "error" | "fatal"} Level
 * @typedef {Record<string, unknown>} Context
 *
 * @typedef {object} Storage where batches wait for a connection; each may answer with a promise
 * @property {() => string[] | Promise<string[]>} list
 * @property {(key: string) => string | null | Promise<string | null>} get
 * @property {(key: string, value: string) => unknown} put
 * @property {(key: string) => unknown} remove
 *
 * @typedef {object} RedactOptions
 * @property {string[]} [keys] more names whose values are secret: `["employee number"]`
 * @property {(RegExp | string)[]} [patterns] all that they match is replaced
 * @property {string} [replace] what stands where a secret was: `[REDACTED]`
 *
 * @typedef {object} Problem what `onError` is told
 * @property {string} reason
 * @property {number} [status] of the answer
 * @property {number} [events] how many events were lost by it
 *
 * @typedef {Record<string, any> & { kind: string, extra_data: Context }} Event
 *
 * @typedef {object} Options
 * @property {string} endpoint address of the gateway's batches, `ingest_url` of `headwater status`
 * @property {string} apiKey a browser key
 * @property {string} [app] tells apart what several applications of one origin keep offline
 * @property {string} [env]
 * @property {string} [release]
 * @property {Level} [level] what is below is not looked at; `info`
 * @property {number} [sampleRate] part of the events that is sent, 0 to 1; 1
 * @property {number} [batchSize] events; 10
 * @property {number} [flushMs] after the first event of a batch; 5000
 * @property {number} [dedupeMs] window in which repeats are folded; 10000
 * @property {number} [maxRetries] after the first attempt, before a batch is kept for later; 3
 * @property {{maxBytes?: number, maxAgeMs?: number, storage?: Storage} | false} [offline]
 * @property {string | RegExp | (string | RegExp)[]} [propagateTo] other origins that get the trace
 *   id, by the beginning of their address or by pattern
 * @property {{errors?: boolean, rejections?: boolean}} [capture] what of the page is captured; all
 * @property {RedactOptions} [redact]
 * @property {(event: Event) => Event | null | void} [beforeSend] change an event, or drop it by `null`
 * @property {(problem: Problem) => void} [onError]
 * @property {boolean} [keepalive] requests outlive the page; true
 * @property {(body: string) => Promise<Blob | undefined>} [gzip] compresses what is sent: the one of
 *   `@headwater/browser/gzip`; nothing does
 *
 * @typedef {object} Resolved
 * @property {string} project part of the keys in storage
 * @property {number} level
 * @property {number} sampleRate
 * @property {number} batchSize
 * @property {number} flushMs
 * @property {number} dedupeMs
 * @property {number} maxRetries
 * @property {number} maxBytes
 * @property {number} maxAgeMs
 * @property {Storage} [storage]
 * @typedef {Omit<Options, keyof Resolved> & Resolved} Settings
 *
 * @typedef {object} StatsNow captured = sent + stored + queued + dropped + deduped + sampled
 * @property {number} captured events that the page logged
 * @property {number} sent and accepted
 * @property {number} stored wait in storage
 * @property {number} queued wait in memory
 * @property {number} dropped
 * @property {Record<string, number>} drops the dropped ones by reason
 * @property {number} deduped stand in the count of another event
 * @property {number} sampled left out by `sampleRate`
 * @property {number} redacted secrets taken out
 * @property {number} retried attempts that failed
 * @property {number} hook_failed times that `beforeSend` threw
 * @property {number} recovered events of earlier pages that this one sent
 * @property {number} handed_over events that another page sent for this one
 *
 * @typedef {(message: unknown, context?: unknown) => void} Write
 *
 * @typedef {object} Log no call of it ever throws or rejects
 * @property {string} endpoint as the page gave it
 * @property {Write} debug
 * @property {Write} info
 * @property {Write} warn
 * @property {Write} error
 * @property {Write} fatal
 * @property {(error: unknown, options?: {level?: Level, fingerprint?: string, ctx?: Context}) => void} captureException
 * @property {(user: string | number | {id: string | number} | null) => Log} setUser
 * @property {(key: string, value: unknown) => Log} setContext for all events to come; undefined ends it
 * @property {(context: Context) => Log} child the same log, with more context
 * @property {() => string} traceId
 * @property {() => string} newTrace
 * @property {(url: unknown) => string | undefined} traceFor the trace id, for an address that may get it
 * @property {(method: string, path: string, status: number, ms: number) => void} request how long a
 *   request of the page took, by the path that many share (`/orders/{id}`), status 0 where no answer came
 * @property {(timeoutMs?: number) => Promise<boolean>} flush whether all was sent in that time
 * @property {(timeoutMs?: number) => Promise<boolean>} close
 * @property {(end: () => void) => void} onClose called by `close`
 * @property {() => StatsNow} stats
 * @property {() => void} pause sends and stores nothing until `resume`: for consent
 * @property {() => void} resume
 *
 * @typedef {typeof globalThis} World the page's global object, or a test's
 *
 * @typedef {object} Batch a body with its bytes for good, the same in every attempt
 * @property {string} id
 * @property {number} ts when its first event came
 * @property {number} severe 1 where it holds an error
 * @property {number} amount of its events
 * @property {string} body
 * @property {number} bytes of the body
 * @property {Record<string, number>} [report] the losses that it tells of
 * @property {string} [key] under which it is stored
 * @property {boolean} [foreign] an earlier page's
 * @property {string} [tab] which wrote it, where that was an earlier page
 * @property {boolean} [busy] being sent
 * @property {boolean} [flown] handed to the browser when the page seemed to end
 * @property {boolean} [trimmed] its one event was cut down
 */
export {};
