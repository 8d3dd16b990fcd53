/** One fact about a KV260, looked up on the machine at hand. */
import { SluiceError } from "@sluice/sdk/errors.js";

/** "unseen": this machine or this user cannot tell. */
export type Verdict = "holds" | "differs" | "unseen";

export interface SurveyFinding {
  readonly fact: string;
  readonly verdict: Verdict;
  readonly found: string;
  /** What to type or do; empty when nothing is to be done. */
  readonly next: string;
}

export const holds = (fact: string, found: string): SurveyFinding => ({
  fact,
  verdict: "holds",
  found,
  next: "",
});
export const differs = (fact: string, found: string, next: string): SurveyFinding => ({
  fact,
  verdict: "differs",
  found,
  next,
});
export const unseen = (fact: string, found: string, next: string): SurveyFinding => ({
  fact,
  verdict: "unseen",
  found,
  next,
});

/** Looks a fact up; what this user may not read is unseen, every other error a difference. */
export function look(fact: string, lookUp: () => SurveyFinding): SurveyFinding {
  try {
    return lookUp();
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    const { code, details, message, place, found, hint = "" } = error;
    const hidden = code === "permission-denied" || details.reason === "permission-denied";
    const text = `${message}${found ? ` (${found})` : ""}${place ? ` ${place}` : ""}`;
    return hidden ? unseen(fact, text, "sudo sluice-board doctor") : differs(fact, text, hint);
  }
}
