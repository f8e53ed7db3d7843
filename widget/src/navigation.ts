/** Tells when a page becomes another one without being loaded: single-page shops, and pages the browser brings back. */

export function watchNavigation(onNavigate: () => void, stopped: AbortSignal): void {
  let path = location.pathname;

  function look(): void {
    if (location.pathname === path) return;
    path = location.pathname;
    onNavigate();
  }

  // where the Navigation API is missing, a page counts from the moment the shopper goes back or forward
  const { navigation } = window as { navigation?: EventTarget };
  if (navigation) navigation.addEventListener("navigatesuccess", look, { signal: stopped });
  else addEventListener("popstate", look, { signal: stopped });
  addEventListener("pageshow", ({ persisted }) => persisted && onNavigate(), { signal: stopped });
}
