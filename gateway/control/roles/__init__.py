"""Who may do what where: permissions, roles, their bindings, and the people who hold them."""
