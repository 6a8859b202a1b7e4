"""Every sentence shown to people, in pt-BR, and how numbers, ages and hours are written."""
