/** Keeps the page quick: what takes long is done in parts, and each part has a frame of its own. */

const LONGEST_MS = 100; // a page that nobody looks at draws nothing

let last: Promise<unknown> | undefined;

/** Does it once what was done in turn before is drawn. */
export function inTurn(run: () => unknown): Promise<unknown> {
  const done = (last ?? drawn()).then(run);
  last = done.then(drawn, drawn);
  return done;
}

function drawn(): Promise<unknown> {
  return new Promise((done) => {
    requestAnimationFrame(() => setTimeout(done));
    setTimeout(done, LONGEST_MS);
  });
}
