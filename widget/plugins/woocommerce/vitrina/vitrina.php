<?php
/**
 * Plugin Name: Vitrina recommendations
 * Description: Personal recommendations from your Vitrina server: on product pages, in the cart, and anywhere by block or shortcode.
 * Version: 1.0.0
 * Requires at least: 6.2
 * Requires PHP: 7.4
 * Requires Plugins: woocommerce
 * Text Domain: vitrina
 *
 * A thin shell around the widget's script: it prints the tag, says which product a page is about, and tells the order.
 * Nothing of it is personal, so that page caches may keep whole pages.
 */

defined('ABSPATH') || exit;

require_once __DIR__ . '/settings.php';
require_once __DIR__ . '/lists.php';
require_once __DIR__ . '/order.php';

add_action('wp_head', 'vitrina_print_script', 1);
add_action('admin_menu', 'vitrina_add_settings_page');
add_action('admin_init', 'vitrina_register_settings');
add_action('init', 'vitrina_register_block');
add_action('wp', 'vitrina_replace_related_products');
add_action('woocommerce_after_cart', 'vitrina_print_cart_list');
add_action('woocommerce_thankyou', 'vitrina_print_order');
add_shortcode('vitrina', 'vitrina_shortcode');

/** Each `<i></i>` keeps the room of a row, until the script takes it out: so nothing moves. Where none comes, for ten seconds. */
const VITRINA_ROOM = <<<'CSS'
vitrina-recommendations:has(> i) { display: block; animation: vitrina-late 0s 10s forwards; }
vitrina-recommendations > i { display: block; height: calc(var(--vitrina-card-width, clamp(9em, 38vw, 13.5em)) * 1.25 + 11.425em); }
vitrina-recommendations[layout="list"] > i { height: calc(7em + clamp(0.875em, 2vw, 1.25em)); }
vitrina-recommendations[layout="list"] > i:first-child { height: 10.875em; }
vitrina-recommendations[layout="grid"]:has(> i) { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(var(--vitrina-card-width, clamp(9em, 38vw, 13.5em)), 100%), 1fr)); gap: clamp(0.875em, 2vw, 1.25em); padding-top: 3.875em; }
vitrina-recommendations[layout="grid"] > i { height: auto; }
vitrina-recommendations[layout="grid"] > i::before { content: ""; display: block; aspect-ratio: 4 / 5; margin-bottom: 7.55em; }
@keyframes vitrina-late { to { position: absolute; visibility: hidden; } }
CSS;

/** The one tag that the widget needs. */
function vitrina_print_script()
{
    $settings = vitrina_settings();
    if ($settings['host'] === '' || $settings['key'] === '') {
        return;
    }
    printf(
        "<script async crossorigin src=\"%s\" data-key=\"%s\"%s></script>\n<style>\n%s\n</style>\n",
        esc_url($settings['host'] . '/widget/v1.js'),
        esc_attr($settings['key']),
        $settings['consent'] === 'denied' ? ' data-consent="denied"' : '',
        VITRINA_ROOM
    );
}
