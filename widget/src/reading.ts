/** Runs once the page is read to its end: until then it may still say what forbids to keep or tell anything. */
export function whenRead(run: () => void): void {
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", run);
  else run();
}
