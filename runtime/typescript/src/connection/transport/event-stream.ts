import { deadline } from "../../util/deadline.js";
import { messageOf } from "../../util/message-of.js";
import { timing } from "../../util/timing.js";
import { routeUrl } from "../../wire.js";
import type { ResumeAt } from "./sse.js";
import { LOST } from "./transport.js";
import type { Transport, TransportEvents } from "./transport.js";

/**
 * Opens an event stream. Its code is loaded first because most pages never need it. If that fails, the transport
 * closes, as it does for an unreachable server, and the connection's next attempt loads again.
 */
export function openEventStream(server: URL, resumeAt: ResumeAt, events: TransportEvents): Transport {
  let transport: Transport | undefined;
  let isClosed = false;
  const close = (reason: string) => {
    isClosed = true;
    cancelDeadline();
    transport?.close(reason);
  };
  const fail = (reason: string) => {
    if (!isClosed) {
      close(reason);
      events.onClose(LOST, `the code for event streams did not load: ${reason}`);
    }
  };
  const cancelDeadline = deadline(timing.openTimeout, () => fail("the server did not respond in time"));
  void import("./shared-sse.js")
    .then((module) => {
      if (!isClosed) {
        cancelDeadline();
        transport = module.createEventStream(server, resumeAt, events);
      }
    })
    .catch((cause: unknown) => fail(messageOf(cause)));
  return {
    address: routeUrl(server, "sse").href,
    isFixed: true,
    // Nothing is sent before the transport is open, and so loaded.
    send: (frame) => transport?.send(frame),
    close,
  };
}
