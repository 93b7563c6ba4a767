// A part of a page that is looked at again: data-live holds the milliseconds between two looks, empty for no more.
(function again() {
  const part = document.querySelector("[data-live]");
  if (!part || !part.dataset.live) return;
  setTimeout(async () => {
    try {
      const answer = await fetch(location.href, { credentials: "same-origin" });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.querySelector("[data-live]");
      if (answer.ok && fresh) part.replaceWith(fresh);
    } catch (error) { /* the next look may succeed */ }
    again();
  }, Number(part.dataset.live));
})();
