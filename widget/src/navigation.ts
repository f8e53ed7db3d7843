/** Tells when a page becomes another one without being loaded: single-page shops, and pages the browser brings `back`. */

const LOOK_MS = 300;

export function watchNavigation(onNavigate: (back?: boolean) => void, stopped: AbortSignal): void {
  let path = location.pathname;

  function look(): void {
    if (location.pathname === path) return;
    path = location.pathname;
    onNavigate();
  }

  const { navigation } = window as { navigation?: EventTarget };
  if (navigation) navigation.addEventListener("navigatesuccess", look, { signal: stopped });
  else {
    // Where the Navigation API is missing, looking costs less than a microsecond and leaves the shop's history alone:
    // to wrap `pushState` would put us into every call that its router makes
    const timer = setInterval(() => (stopped.aborted ? clearInterval(timer) : look()), LOOK_MS);
  }
  addEventListener("pageshow", ({ persisted }) => persisted && onNavigate(true), { signal: stopped });
}
