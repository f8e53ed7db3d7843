"""The pages a person sees: sign up, sign in, what programs may do for them. They work without scripts."""
