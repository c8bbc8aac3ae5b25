// The limits of the HTTP interface, as config/options.ts gives them; the defaults are those of the options.
export interface HttpSettings {
  /** Of a request's body; a feed of items or situations, or a batch, may be larger. */
  readonly bodyBytesMax: number;
  readonly feedBytesMax: number;
  /** Nesting of a body's JSON. */
  readonly depthMax: number;
  /** For a request to arrive, and for its answer to be there. */
  readonly timeoutMs: number;
  /** Of one key, or of one address while there are no keys; 0 is no limit. Sending events and deciding have their own. */
  readonly requestsPerMinuteMax: number;
  readonly eventRequestsPerMinuteMax: number;
  /** Requests from one address without a key that is known; 0 is no limit. */
  readonly failuresPerMinuteMax: number;
  /** Live streams that one key has open at the same time, or one address while there are no keys. */
  readonly streamsPerKeyMax: number;
  /** What the events of one batch may make together, with what it says once for all of them. */
  readonly batchBytesMax: number;
  /** How long logs know an event that is sent again; answers say so. */
  readonly repeatsKnownMs: number;
  /** Events that wait at once, in this process, for their log to have stored them. */
  readonly eventsWaitingMax: number;
  /** Proxies in front, addresses and nets, whose word for a sender's address counts. */
  readonly proxies: readonly string[];
  /** Segments whose size is a metric. */
  readonly metricsSegmentsMax: number;
  /** Of other sites whose pages may call; `*` is all. */
  readonly origins: readonly string[];
  /** Traits whose values also keys see that show no personal data. */
  readonly traitsShown: readonly string[];
}
