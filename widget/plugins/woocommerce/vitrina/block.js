/** The block in the editor: its choices at the side, and a sign of where the list will stand. */
(({ blocks, element, blockEditor, components }) => {
  const { createElement: h } = element;
  const options = (values) => values.map((value) => ({ label: value || "carousel", value }));
  const PLACES = ["home", "product-page", "cart", "category", "search-empty", "order-confirmation"];

  blocks.registerBlockType("vitrina/recommendations", {
    edit({ attributes, setAttributes }) {
      const set = (name) => (value) => setAttributes({ [name]: value });
      const choices = h(
        blockEditor.InspectorControls,
        null,
        h(
          components.PanelBody,
          { title: "List" },
          h(components.SelectControl, { label: "Where", value: attributes.placement, options: options(PLACES), onChange: set("placement") }),
          h(components.SelectControl, { label: "Layout", value: attributes.layout, options: options(["", "grid", "list"]), onChange: set("layout") }),
          h(components.TextControl, { label: "Title", value: attributes.heading, onChange: set("heading") }),
          h(components.TextControl, { label: "Products", type: "number", value: attributes.limit, onChange: set("limit") }),
        ),
      );
      return h("div", blockEditor.useBlockProps(), choices, h("p", null, `Vitrina: ${attributes.heading || attributes.placement}`));
    },
    save: () => null,
  });
})(window.wp);
