import { ConnectionError } from "../errors.js";
import { deadline } from "../util/deadline.js";
import { messageOf } from "../util/message-of.js";
import { timing } from "../util/timing.js";

/** Calls a function option. Rejects if it fails, or does not settle in time. */
export async function callFunction<Value>(name: string, call: () => Value | Promise<Value>): Promise<Value> {
  let cancelDeadline = () => {};
  const limit = new Promise<never>((_, reject) => {
    cancelDeadline = deadline(timing.functionTimeout, () =>
      reject(new Error(`it did not settle within ${timing.functionTimeout / 1000} seconds`)),
    );
  });
  try {
    return await Promise.race([call(), limit]);
  } catch (cause) {
    throw new ConnectionError(`The \`${name}\` function failed: ${messageOf(cause)}`, { fatal: false, cause });
  } finally {
    cancelDeadline();
  }
}
