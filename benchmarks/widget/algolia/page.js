/** Algolia's recommend library as its documentation puts it on a page; the host that answers is the benchmark's own. */
const hosts = [{ url: location.host, protocol: "http" }];
const recommendClient = window["@algolia/recommend"]("APPLICATION", "key", { hosts });
for (const container of document.querySelectorAll("[data-item]")) {
  window["@algolia/recommend-js"].relatedProducts({
    container,
    recommendClient,
    indexName: "products",
    objectIDs: [container.dataset.item],
    maxRecommendations: 8,
    itemComponent: ({ item, html }) => html`
      <a class="card" href=${item.url}>
        <img src=${item.image_url} width="200" height="250" alt="" />
        <span>${item.title}</span><span>${item.price} €</span><span>${item.reason.text}</span>
      </a>
    `,
  });
}
