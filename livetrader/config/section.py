"""What every section of the settings is."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, model_validator


class Section(BaseModel):
    """What all sections share: unknown keys and wrong types are errors, and values never change."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, validate_default=True, allow_inf_nan=False,
        defer_build=True,  # only the whole is ever validated: its parts need no validators of their own
    )  # fmt: skip

    @model_validator(mode="before")
    @classmethod
    def _empty_is_default(cls, value: object) -> object:
        """`constraints:` with all its keys commented out is YAML's null."""
        return {} if value is None else value
