import { SluiceError } from "../errors.js";

/** Training that cannot start or went wrong. */
export class TrainError extends SluiceError {}
