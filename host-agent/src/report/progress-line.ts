/** What is being done, on one line that is drawn over; in a log, where nothing can be drawn over, a line now and then. */
const LOG_MS = 5_000;

export interface ProgressLine {
  show(text: string): void;
  /** The work is done: what follows begins at the start of an empty line. */
  clear(): void;
}

export const noProgress: ProgressLine = { show: () => undefined, clear: () => undefined };

export function progressLine(stream: NodeJS.WriteStream): ProgressLine {
  if (stream.isTTY) {
    return {
      show: (text) => void stream.write(`\r\x1b[K${text}`),
      clear: () => void stream.write("\r\x1b[K"),
    };
  }
  let last = performance.now();
  return {
    show: (text) => {
      const now = performance.now();
      if (now - last < LOG_MS) return;
      last = now;
      stream.write(`${text}\n`);
    },
    clear: () => undefined,
  };
}
