"""Encrypted fields: sealed in the table, clear on a loaded row, unchanged when saved untouched."""

from __future__ import annotations

from typing import Any

from banyan.kernel import sql


def test_a_loaded_row_reads_in_clear_and_the_table_holds_ciphertext(tenant: Any) -> None:
    from banyan.people.identity import commands
    from banyan.people.identity.models import User
    from banyan.people.identity.types import NewUser, Role

    with tenant.enter():
        user_id = commands.register_users([NewUser("zhang", None, "张三丰", "13800138000", (Role.CONSUMER,))])[0]
        row = User.objects.get(pk=user_id)
        assert row.display_name == "张三丰"
        stored = bytes(sql.fetch("SELECT display_name FROM identity_users WHERE id = %s", (user_id,))[0][0])
        assert "张三丰".encode() not in stored
        row.save()
        assert bytes(sql.fetch("SELECT display_name FROM identity_users WHERE id = %s", (user_id,))[0][0]) == stored
        row.display_name = "张无忌"
        assert row.display_name == "张无忌"
        row.save()
        assert User.objects.get(pk=user_id).display_name == "张无忌"
