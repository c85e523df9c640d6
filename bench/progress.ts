/** One line on standard error that says how far the run is; a line per step where that is no terminal. */

export interface Progress {
  /** `done` of `total` of a step; a step that is over is never shown again. */
  show(step: string, done: number, total: number): void;
  end(): void;
}

export function showProgress(): Progress {
  let last = '';
  return {
    show(step, done, total) {
      if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${step} ${Math.floor((100 * done) / total)} %`);
      else if (step !== last) process.stderr.write(`${step} …\n`);
      last = step;
    },
    end() {
      if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
    },
  };
}
