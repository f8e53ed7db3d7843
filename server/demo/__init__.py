"""The demo storefront: two shops one would buy from, with Vitrina in every usual place."""
