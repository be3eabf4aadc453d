"""The nouns: values that are frozen and only move forward."""
