<?php
/**
 * As much of WordPress and WooCommerce as the plugin touches: hooks are kept and can be called, what is printed is escaped
 * as there. Takes one JSON object on standard input: `options`, `product`, `cart`, `order`, and what to `do`.
 */

error_reporting(E_ALL);
set_error_handler(function ($level, $message) { throw new ErrorException($message); });
const ABSPATH = '/';
$given = json_decode(stream_get_contents(STDIN), true);
$hooks = array();
$shortcodes = array();
$errors = array();
$blocks = array();

class Product
{
    private $fields;
    public function __construct($fields) { $this->fields = $fields; }
    /** As WooCommerce's: to be seen, a variation without an SKU shows that of its parent; to be edited and exported, none. */
    public function get_sku($context = 'view')
    {
        $own = $this->fields['sku'] ?? '';
        return $own === '' && $context === 'view' ? $this->fields['parent_sku'] ?? '' : $own;
    }
    public function get_id() { return $this->fields['id']; }
}

class Line
{
    private $fields;
    public function __construct($fields) { $this->fields = $fields; }
    public function get_product() { return isset($this->fields['product']) ? new Product($this->fields['product']) : false; }
    public function get_quantity() { return $this->fields['quantity']; }
    public function get_total() { return $this->fields['total']; }
}

class Order
{
    private $fields;
    public function __construct($fields) { $this->fields = $fields; }
    public function has_status($status) { return ($this->fields['status'] ?? 'processing') === $status; }
    public function get_items() { return array_map(function ($line) { return new Line($line); }, $this->fields['lines']); }
    public function get_order_number() { return $this->fields['number']; }
    public function get_total() { return $this->fields['total']; }
    public function get_currency() { return 'EUR'; }
}

class Cart
{
    public function get_cart() { global $given; return array_map(function ($one) { return array('data' => new Product($one)); }, $given['cart'] ?? array()); }
}

function add_action($name, $function, $priority = 10) { global $hooks; $hooks[$name][$priority][] = $function; }
function remove_action($name, $function, $priority = 10)
{
    global $hooks;
    $hooks[$name][$priority] = array_diff($hooks[$name][$priority] ?? array(), array($function));
}
function do_action($name, ...$values)
{
    global $hooks;
    $of = $hooks[$name] ?? array();
    ksort($of);
    foreach ($of as $functions) foreach ($functions as $function) $function(...$values);
}
function add_shortcode($name, $function) { global $shortcodes; $shortcodes[$name] = $function; }
function get_option($name, $default) { global $given; return $given['options'] ?? $default; }
function esc_attr($text) { return htmlspecialchars((string) $text, ENT_QUOTES); }
function esc_html($text) { return htmlspecialchars((string) $text, ENT_QUOTES); }
function esc_url($url) { return htmlspecialchars(esc_url_raw($url), ENT_QUOTES); }
function esc_url_raw($url, $protocols = array('http', 'https')) { return in_array(parse_url($url, PHP_URL_SCHEME), $protocols, true) ? $url : ''; }
function untrailingslashit($text) { return rtrim($text, '/'); }
function add_settings_error($setting, $code, $message) { global $errors; $errors[] = $message; }
function add_options_page(...$values) { }
function register_setting(...$values) { }
function settings_fields($group) { echo '<input type="hidden" name="option_page" value="' . esc_attr($group) . '">'; }
function submit_button() { echo '<button>Save</button>'; }
function wp_json_encode($value, $flags = 0) { return json_encode($value, $flags); }
function wp_print_inline_script_tag($script) { echo "<script>$script</script>"; }
function wc_get_order($id) { global $given; return isset($given['order']) ? new Order($given['order']) : false; }
function wc_get_product() { global $given; return isset($given['product']) ? new Product($given['product']) : false; }
function WC() { return (object) array('cart' => new Cart()); }
function is_product_category() { global $given; return isset($given['category']); }
function single_term_title($prefix, $display) { global $given; return $given['category']; }
function plugins_url($path, $file) { return '/plugins/' . $path; }
function wp_register_script(...$values) { }
function register_block_type($name, $options) { global $blocks; $blocks[$name] = $options; }
function woocommerce_output_related_products() { echo '<section class="related">WooCommerce\'s own</section>'; }

add_action('woocommerce_after_single_product_summary', 'woocommerce_output_related_products', 20);
require __DIR__ . '/../../widget/plugins/woocommerce/vitrina/vitrina.php';
$product = isset($given['product']) ? new Product($given['product']) : null;
do_action('init');
do_action('wp');
foreach ($given['do'] as $step) {
    [$kind, $name] = $step;
    if ($kind === 'hook') do_action($name, ...array_slice($step, 2));
    if ($kind === 'shortcode') echo $shortcodes[$name]($step[2]);
    if ($kind === 'block') echo $blocks[$name]['render_callback']($step[2]);
    if ($kind === 'settings') vitrina_print_settings_page();
    if ($kind === 'save') echo json_encode(array('saved' => vitrina_sanitize_settings($name), 'errors' => $errors));
}
