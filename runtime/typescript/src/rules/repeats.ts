/** Rules that are asked about the same value again. */

import { recall, remember, remembers } from "../schema/memory.js";
import { REFUSED } from "../schema/report.js";
import { Evaluated } from "./evaluated.js";
import type { Judge } from "./judge.js";

/** A judge that judges each value once, if it may be asked often. It remembers what it evaluated, too. */
export function judgingOnce(judge: Judge): Judge {
  return (value, report, evaluated) => {
    if (!remembers(report)) {
      judge(value, report, evaluated);
      return;
    }
    const known = recall(judge, value, report);
    if (known !== undefined && (known.result === REFUSED || !evaluated || known.result instanceof Evaluated)) {
      evaluated?.add(known.result instanceof Evaluated ? known.result : undefined);
      return;
    }
    const since = report.found.length;
    const own = evaluated && new Evaluated();
    judge(value, report, own);
    evaluated?.add(own);
    remember(judge, value, report, since, report.found.length === since ? own : REFUSED);
  };
}
