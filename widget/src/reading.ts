/** Runs once the page is read to its end: until then it may still say what forbids to keep or tell anything. */
export function whenRead(run: () => void): void {
  if (document.readyState !== "loading") run();
  // a task of its own, as the browser has enough to do at that moment
  else document.addEventListener("DOMContentLoaded", () => setTimeout(run));
}
